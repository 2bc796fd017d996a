// The files of page/, compiled in.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_ASSETS_H_
#define TRIPTYCH_TOOLS_REPORT_ASSETS_H_

#include <string_view>

namespace triptych::report {

extern const std::string_view kChartCss;  // classes of drawings
extern const std::string_view kDarkCss;   // colours: custom properties only
extern const std::string_view kLightCss;
extern const std::string_view kPageCss;
extern const std::string_view kPageJs;

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_ASSETS_H_
