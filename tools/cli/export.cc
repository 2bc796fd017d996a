// export: a model as a file of another format, or its graph as a picture.
// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/export.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <ostream>

#include "models/formats/gguf.h"
#include "models/formats/gguf_model.h"
#include "models/onnx/export.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"
#include "tools/graph/picture.h"

namespace triptych::cli {
namespace {

Status WriteGguf(const Model& model, const ExportOptions& options) {
  const std::optional<DType> dtype = DTypeFromName(options.dtype);
  if (!dtype || !GgmlTypeOf(*dtype)) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("--dtype {}: must be one of {}", options.dtype,
                                 GgmlTypesRead()));
  }
  TRIPTYCH_TRY(CheckWeights(model));
  if (model.seed) {
    return MakeError(ErrorCode::kUnsupported,
                     model.file.config.name +
                         ": random weights are made as they are read, and are "
                         "not written; must be a model file");
  }
  return WriteGgufModel(model.file, *dtype, options.output);
}

Status WriteSvg(const Model& model, const ExportOptions& options) {
  return WriteFile(options.output, [&](std::ostream& out) {
    out << picture::GraphSvg(model.graph);
  });
}

Status WriteDot(const Model& model, const ExportOptions& options) {
  return WriteFile(options.output, [&](std::ostream& out) {
    out << picture::GraphDot(model.graph);
  });
}

Status WriteOnnx(const Model& model, const ExportOptions& options) {
  TRIPTYCH_ASSIGN(const std::string bytes, OnnxGraphBytes(model.graph));
  return WriteFile(options.output, [&](std::ostream& out) { out << bytes; });
}

struct Ending {
  std::string_view ending, about;
  Status (*write)(const Model&, const ExportOptions&);
};
constexpr Ending kEndings[] = {
    {".gguf", "the model", WriteGguf},
    {".onnx", "the graph for viewers of ONNX, without weights", WriteOnnx},
    {".svg", "a picture of the graph", WriteSvg},
    {".dot", "the same for Graphviz", WriteDot},
};

const Ending* EndingOf(const std::string& path) {
  for (const Ending& ending : kEndings) {
    if (path.ends_with(ending.ending)) return &ending;
  }
  return nullptr;
}

}  // namespace

std::string ExportEndings() {
  std::string text;
  for (const Ending& ending : kEndings) {
    text += fmt::format("{}*{}: {}", text.empty() ? "file to write; " : ", ",
                        ending.ending, ending.about);
  }
  return text;
}

Result<int> ExportCommand(const ExportOptions& options) {
  const Ending* ending = EndingOf(options.output);
  if (ending == nullptr) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("--output {}: {}", options.output, ExportEndings()));
  }
  TRIPTYCH_TRY(CheckWritable(options.output));
  TRIPTYCH_ASSIGN(const auto model,
                  OpenModel(options.model, options.tokenizer, {}));
  TRIPTYCH_TRY(ending->write(*model, options));
  const auto bytes = std::filesystem::file_size(options.output);
  Print(options.json, fmt::format("{}: {} of {}, {}\n", options.output,
                                  ending->about, model->file.config.name,
                                  Si(static_cast<double>(bytes), "B")));
  TRIPTYCH_TRY(
      WriteJson(options.json, "export",
                nlohmann::json::array({{{"file", options.output},
                                        {"model", model->file.config.name},
                                        {"bytes", bytes}}})));
  return kOk;
}

}  // namespace triptych::cli
