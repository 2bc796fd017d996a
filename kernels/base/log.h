// What the program says about itself, on stderr. Results never go here.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_LOG_H_
#define TRIPTYCH_KERNELS_BASE_LOG_H_

#include <cstdint>
#include <string_view>

namespace triptych {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

// Messages below this level are dropped; kWarning at the start. Thread-safe.
void SetLogLevel(LogLevel level);

// One line, "level component: message". Thread-safe; never in inner loops.
void Log(LogLevel level, std::string_view component, std::string_view message);

}  // namespace triptych

#endif  // TRIPTYCH_KERNELS_BASE_LOG_H_
