// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/kernel_list.h"

#include "kernels/variants.h"

namespace triptych::cli {

std::vector<KernelRow> KernelRows() {
  std::vector<KernelRow> rows;
  for (const Variant& variant : AllVariants()) {
    rows.push_back(
        {std::string(variant.op) + "/" + std::string(variant.name),
         std::string(InfoOf(variant.arithmetic).name),
         std::string(variant.dims)});
  }
  return rows;
}

}  // namespace triptych::cli
