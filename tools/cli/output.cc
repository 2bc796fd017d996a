// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace triptych::cli {
namespace {

namespace fs = std::filesystem;

double NowSeconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::unexpected<Error> CannotWrite(const std::string& path) {
  return MakeError(ErrorCode::kIo, path + ": cannot be written");
}

// Where a file is made that then takes the place of `path`: beside it, or
// `path` itself where that is a terminal, a pipe or a link.
std::string WorkingPath(const std::string& path) {
  const auto type = fs::symlink_status(path).type();
  const bool replace =
      type == fs::file_type::regular || type == fs::file_type::not_found;
  return replace ? fmt::format("{}.{}.part", path, ::getpid()) : path;
}

}  // namespace

Status CheckWritable(const std::string& path) {
  if (path.empty() || path == "-") return {};
  const fs::path folder = fs::path(path).parent_path();
  const std::string target = fs::exists(path) ? path
                             : folder.empty() ? "."
                                              : folder.string();
  if (fs::is_directory(path) || ::access(target.c_str(), W_OK) != 0) {
    return CannotWrite(path);
  }
  return {};
}

Status WriteFile(const std::string& path,
                 const std::function<void(std::ostream&)>& write) {
  if (path.empty()) return {};
  const std::string part = WorkingPath(path);
  std::ofstream file(part, std::ios::binary);
  write(file);
  file.close();
  std::error_code failed;
  if (file && part != path) fs::rename(part, path, failed);
  if (file && !failed) return {};
  if (part != path) fs::remove(part, failed);
  return CannotWrite(path);
}

Status WriteJson(const std::string& path, std::string_view command,
                 const nlohmann::json& results) {
  const nlohmann::json document = {{"command", command},
                                   {"version", TRIPTYCH_VERSION},
                                   {"results", results}};
  // A model may write bytes that are no text.
  const std::string text =
      document.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) +
      "\n";
  if (path == "-") {
    std::fwrite(text.data(), 1, text.size(), stdout);
    return {};
  }
  return WriteFile(path, [&](std::ostream& out) { out << text; });
}

void Print(const std::string& json_path, const std::string& text) {
  if (json_path != "-") std::fwrite(text.data(), 1, text.size(), stdout);
}

Progress::Progress(std::string_view what)
    : what_(what), start_s_(NowSeconds()) {}

void Progress::operator()(size_t done, size_t total) {
  constexpr double kPatience = 2;  // seconds before a bar is worth a line
  const double elapsed = NowSeconds() - start_s_;
  if (elapsed < kPatience || done == 0 || isatty(STDERR_FILENO) == 0) return;
  shown_ = true;
  const double left =
      elapsed * static_cast<double>(total - done) / static_cast<double>(done);
  fmt::print(stderr, "\r{} {}/{}, {:.0f} s left ", what_, done, total, left);
  std::fflush(stderr);
}

Progress::~Progress() {
  if (shown_) fmt::print(stderr, "\r{:60}\r", "");
}

}  // namespace triptych::cli
