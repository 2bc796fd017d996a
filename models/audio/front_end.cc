// SPDX-License-Identifier: Apache-2.0
#include "models/audio/front_end.h"

#include <fmt/format.h>

#include <utility>

#include "models/audio/mfcc.h"

namespace triptych {

Result<std::shared_ptr<const FrontEnd>> FrontEndOf(const ModelFile& file,
                                                   const Graph& graph) {
  if (file.front_end) return file.front_end;
  TRIPTYCH_ASSIGN(Mfcc mfcc, Mfcc::Create({}));
  const Value* input = graph.FindValue("patches");
  const Shape want = {RowsPerSequence(mfcc.rows()), mfcc.cols()};
  if (graph.FindEntry(Phase::kEncode) == nullptr || input == nullptr ||
      input->shape != want) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: does not hear: must have a sound front end inside, or "
                    "an encoder of \"patches\", {} rows of {} features",
                    graph.name(), mfcc.rows(), mfcc.cols()));
  }
  return std::make_shared<Mfcc>(std::move(mfcc));
}

}  // namespace triptych
