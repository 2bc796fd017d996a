// What `export` can write.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_EXPORT_H_
#define TRIPTYCH_TOOLS_CLI_EXPORT_H_

#include <string>

namespace triptych::cli {

// For people: each ending of a file's name and what it stands for.
std::string ExportEndings();

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_EXPORT_H_
