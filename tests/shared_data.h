// Other people's models and texts, which tests read where they are and the
// project does not contain.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_SHARED_DATA_H_
#define TRIPTYCH_TESTS_SHARED_DATA_H_

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace triptych {

// The path of shared/data/<name>: under $TRIPTYCH_SHARED, or beside the
// source tree (tests run with the source root as working directory). "" if
// it is not there, and then it says on stdout which test goes without.
inline std::string SharedData(const std::string& name) {
  const char* shared = std::getenv("TRIPTYCH_SHARED");
  const std::string path =
      std::string(shared != nullptr ? shared : "../shared") + "/data/" + name;
  if (std::filesystem::exists(path)) return path;
  std::printf("skipped: %s is not here\n", path.c_str());
  return {};
}

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_SHARED_DATA_H_
