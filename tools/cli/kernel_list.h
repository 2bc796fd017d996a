// The kernel tables as text.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_KERNEL_LIST_H_
#define TRIPTYCH_TOOLS_CLI_KERNEL_LIST_H_

#include <string>
#include <vector>

namespace triptych::cli {

struct KernelRow {
  std::string name, arithmetic, sizes;
};
std::vector<KernelRow> KernelRows();

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_KERNEL_LIST_H_
