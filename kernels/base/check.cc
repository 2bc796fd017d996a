// SPDX-License-Identifier: Apache-2.0
#include "kernels/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace triptych {

void CheckFailed(const char* file, int line, const char* condition,
                 const std::string& values) {
  std::fprintf(stderr, "%s:%d: check failed: %s%s%s\n", file, line, condition,
               values.empty() ? "" : " with", values.c_str());
  std::abort();
}

}  // namespace triptych
