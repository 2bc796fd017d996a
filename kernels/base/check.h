// Programmer errors: abort with the condition, the place and the values.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_KERNELS_BASE_CHECK_H_
#define TRIPTYCH_KERNELS_BASE_CHECK_H_

#include <sstream>
#include <string>

namespace triptych {

[[noreturn]] void CheckFailed(const char* file, int line,
                              const char* condition,
                              const std::string& values);

template <class... Values>
std::string JoinValues(const Values&... values) {
  std::ostringstream out;
  ((out << ' ' << values), ...);
  return out.str();
}

}  // namespace triptych

// Always on. The values after the condition are printed: say what they are,
// TRIPTYCH_CHECK(k <= kMaxK, "k", k).
#define TRIPTYCH_CHECK(condition, ...)                                   \
  do {                                                                   \
    if (!(condition)) [[unlikely]] {                                     \
      ::triptych::CheckFailed(__FILE__, __LINE__, #condition,            \
                              ::triptych::JoinValues(__VA_ARGS__));      \
    }                                                                    \
  } while (false)

// For inner loops: debug builds only.
#ifdef NDEBUG
#define TRIPTYCH_DCHECK(condition, ...) \
  do {                                  \
  } while (false && (condition))
#else
#define TRIPTYCH_DCHECK(...) TRIPTYCH_CHECK(__VA_ARGS__)
#endif

#endif  // TRIPTYCH_KERNELS_BASE_CHECK_H_
