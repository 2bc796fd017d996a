// report: pictures of what other commands wrote.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "tools/cli/answers.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/report/inputs.h"
#include "tools/report/page.h"
#include "tools/report/terminal.h"

namespace triptych::cli {
namespace {

namespace fs = std::filesystem;

// An error now, rather than after the work.
Status PrepareFolder(const std::string& folder) {
  if (folder.empty()) return {};
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (!failed && fs::is_directory(folder)) return {};
  return MakeError(ErrorCode::kIo, folder + ": --svg: cannot be a folder");
}

Status WriteText(const std::string& path, const std::string& text) {
  return WriteFile(path, [&](std::ostream& out) { out << text; });
}

}  // namespace

Result<int> ReportCommand(const ReportOptions& options) {
  TRIPTYCH_TRY(CheckWritable(options.output));
  TRIPTYCH_TRY(PrepareFolder(options.svg));
  TRIPTYCH_ASSIGN(const report::Material material,
                  report::ReadInputs(options.inputs, ErrorsOf));
  const auto sections = report::BuildSections(material);
  if (sections.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: no results; allowed are files with at "
                                 "least one",
                                 fmt::join(options.inputs, ", ")));
  }
  if (!options.output.empty()) {
    TRIPTYCH_TRY(
        WriteText(options.output, report::HtmlPage(material, sections)));
  }
  nlohmann::json results = nlohmann::json::array();
  if (!options.svg.empty() || !options.json.empty()) {
    for (const report::Picture& picture : report::Pictures(sections)) {
      nlohmann::json row = {{"section", picture.section},
                            {"id", picture.id},
                            {"title", picture.title}};
      if (!options.svg.empty()) {
        const std::string path =
            (fs::path(options.svg) / (picture.id + ".svg")).string();
        TRIPTYCH_TRY(WriteText(path, picture.svg));
        row["file"] = path;
      }
      results.push_back(std::move(row));
    }
  }
  if (options.output.empty() && options.svg.empty()) {
    Print(options.json,
          report::TextReport(sections, report::TerminalOfEnvironment()));
  }
  TRIPTYCH_TRY(WriteJson(options.json, "report", results));
  return kOk;
}

}  // namespace triptych::cli
