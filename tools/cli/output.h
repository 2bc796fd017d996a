// What a command gives (text for people, JSON for scripts, files) and what it
// says while it works.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_OUTPUT_H_
#define TRIPTYCH_TOOLS_CLI_OUTPUT_H_

#include <cstddef>
#include <functional>
#include <iosfwd>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "kernels/base/result.h"

namespace triptych::cli {

// An error now, rather than after minutes of work, if `path` could not be
// written. "" and "-" are fine.
Status CheckWritable(const std::string& path);

// Makes `path` what `write` puts into the stream. A file is replaced whole, at
// the end: an interrupted run leaves the one there was. Nothing for "".
Status WriteFile(const std::string& path,
                 const std::function<void(std::ostream&)>& write);

// {"command": ..., "version": ..., "results": results}, an array, to the file
// `path`, or to stdout for "-". Nothing for "". Bytes of a text that are no
// UTF-8 become U+FFFD.
Status WriteJson(const std::string& path, std::string_view command,
                 const nlohmann::json& results);

// Prints `text` for people, unless stdout is taken by --json -.
void Print(const std::string& json_path, const std::string& text);

// A bar on stderr for work of more than two seconds, on a terminal only. Gone
// when this is.
class Progress {
 public:
  explicit Progress(std::string_view what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  // `done` of `total` steps, done <= total.
  void operator()(size_t done, size_t total);

 private:
  std::string what_;
  double start_s_;
  bool shown_ = false;
};

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_OUTPUT_H_
