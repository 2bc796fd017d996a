// SPDX-License-Identifier: Apache-2.0
#include "models/audio/front_end.h"

#include <fmt/format.h>

#include <utility>

#include "models/audio/mfcc.h"

namespace triptych {

Result<std::shared_ptr<const FrontEnd>> FrontEndOf(const ModelFile& file,
                                                   const Graph& graph) {
  const bool encodes = graph.FindEntry(Phase::kEncode) != nullptr;
  if (encodes && file.front_end) return file.front_end;
  TRIPTYCH_ASSIGN(Mfcc mfcc, Mfcc::Create({}));
  const Value* input = graph.FindValue("patches");
  const Shape want = {RowsPerSequence(mfcc.rows()), mfcc.cols()};
  if (!encodes || input == nullptr || input->shape != want) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: does not hear: must be an encoder that has a sound "
                    "front end inside, or takes \"patches\", {} rows of {} "
                    "features",
                    graph.name(), mfcc.rows(), mfcc.cols()));
  }
  return std::make_shared<Mfcc>(std::move(mfcc));
}

}  // namespace triptych
