// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/json_output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tools/cli/options.h"

namespace triptych::cli {
namespace {

double Now() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Status WriteJson(const std::string& path, std::string_view command,
                 const nlohmann::json& results) {
  if (path.empty()) return {};
  const nlohmann::json document = {{"command", command},
                                   {"version", TRIPTYCH_VERSION},
                                   {"results", results}};
  const std::string text = document.dump(1) + "\n";
  if (path == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return {};
  }
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be written");
  return {};
}

void Print(const std::string& json_path, const std::string& text) {
  if (json_path != "-") std::fwrite(text.data(), 1, text.size(), stdout);
}

int Fail(const Error& error) {
  fmt::print(stderr, "triptych: {}\n", error.message);
  return kUsage;
}

Progress::Progress(std::string_view what, size_t total)
    : what_(what), total_(total), start_(Now()) {}

void Progress::Advance(size_t done) {
  constexpr double kPatience = 2;  // seconds before a bar is worth a line
  if (total_ == 0 || isatty(STDERR_FILENO) == 0) return;
  const double elapsed = Now() - start_;
  if (elapsed < kPatience || done == 0) return;
  shown_ = true;
  const double left =
      elapsed * static_cast<double>(total_ - done) / static_cast<double>(done);
  fmt::print(stderr, "\r{} {}/{}, {:.0f} s left ", what_, done, total_, left);
  std::fflush(stderr);
}

Progress::~Progress() {
  if (shown_) fmt::print(stderr, "\r{:60}\r", "");
}

}  // namespace triptych::cli
