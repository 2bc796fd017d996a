// Results as JSON: {"command": ..., "version": ..., "results": [...]}.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_JSON_OUTPUT_H_
#define TRIPTYCH_TOOLS_CLI_JSON_OUTPUT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "kernels/base/result.h"

namespace triptych::cli {

// Writes `results` (an array) to the file `path`, or to stdout for "-".
// Nothing for "".
Status WriteJson(const std::string& path, std::string_view command,
                 const nlohmann::json& results);

// Prints `text` for people, unless stdout is taken by --json -.
void Print(const std::string& json_path, const std::string& text);

// Says what is wrong on stderr; returns kUsage.
int Fail(const Error& error);

// A bar on stderr for work of more than two seconds, on a terminal only.
// Done at destruction.
class Progress {
 public:
  Progress(std::string_view what, size_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void Advance(size_t done);

 private:
  std::string what_;
  size_t total_;
  double start_;
  bool shown_ = false;
};

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_JSON_OUTPUT_H_
