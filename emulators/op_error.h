// How far every operator of a target is from the f64 reference, one by one.
//
// Two questions, by what an operator is given:
//   kReference   the reference's own values, rounded to f32, at every input
//                and in every cache: what this operator does wrong by itself.
//                Inputs are the same for every seed, machine and build, so
//                two measurements of one text are comparable output by output.
//   kPropagated  what the operators before it gave: what has come together up
//                to here.
// Errors are of the output, y - y_ref; sizes are over those of y_ref.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OP_ERROR_H_
#define TRIPTYCH_EMULATORS_OP_ERROR_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/accuracy.h"
#include "emulators/target.h"
#include "kernels/base/result.h"
#include "models/graph.h"
#include "models/graph_weights.h"

namespace triptych {

enum class OpInputs : uint8_t { kReference, kPropagated };

// Of a node, or of all nodes of one name in all layers together.
struct OpError {
  std::string name;  // "layers.3.attn.q"; of all layers "attn.q"
  std::string op;    // "matmul"
  int layer = -1;    // -1 also for all layers
  int64_t nodes = 1;
  int64_t outputs = 0;  // that were compared
  // Over the mean square of the reference's outputs; of several nodes the mean
  // of theirs, so that each counts the same.
  double mean_square = 0;
  // Of mean_square, from one draw of the machine's noise to another: outputs
  // are taken to be independent given their inputs. An upper bound where they
  // differ for other reasons (a row's columns are pooled).
  double mean_square_stderr = 0;
  double mean_abs = 0;  // over the root mean square of the reference's outputs
  double max_abs = 0;   // likewise
  // Of the bits of all outputs in order: equal if and, but for 2^-64, only if
  // the target gave the same values.
  uint64_t digest = 0;

  double rms() const;  // sqrt(mean_square)
};

struct OpErrorOptions {
  OpInputs inputs = OpInputs::kReference;
  uint64_t seed = 0;
  int threads = 1;
  CompileOptions compile = {};  // its `wrap` comes first: errors see it
};

// By node of the graph's prefill, in the order in which they run. Tokens are
// fed 32 at a time. Errors: those of compiling and running.
Result<std::vector<OpError>> OperatorErrors(const Graph& graph,
                                            const Weights& weights,
                                            const Target& target,
                                            std::span<const Segment> segments,
                                            const OpErrorOptions& options,
                                            const TokensDone& tell = {});

// `repeats` measurements with the noise of SeedOfRepeat(options.seed, i), for
// one evaluation of the reference.
Result<std::vector<std::vector<OpError>>> OperatorErrorsOverSeeds(
    const Graph& graph, const Weights& weights, const Target& target,
    std::span<const Segment> segments, const OpErrorOptions& options,
    size_t repeats, const TokensDone& tell = {});

// The same for several measurements of the same nodes with other noise (or
// one): means, with the errors that the mean of so many has; the largest of
// the largest; the digest of the digests.
std::vector<OpError> Pooled(std::span<const std::vector<OpError>> repeats);

// Nodes of one name in all layers together, where they first run.
std::vector<OpError> AcrossLayers(std::span<const OpError> nodes);

// The name of a node without its layer: "attn.q".
std::string_view NameInLayer(const Node& node);
std::string_view NameInLayer(std::string_view node_name, int layer);

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_OP_ERROR_H_
