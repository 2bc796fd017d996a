// SPDX-License-Identifier: Apache-2.0
#include "emulators/op_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <deque>
#include <memory>
#include <utility>

#include "emulators/session.h"
#include "kernels/base/check.h"
#include "models/ops/op.h"
#include "models/reference.h"

namespace triptych {
namespace {

// Tokens fed at once: many enough to share the packing of a product, few
// enough that the activations of every node, which all stay, are small.
constexpr size_t kFeed = 32;

// FNV-1a over words; turned, so that a digest mixed with itself is not zero.
constexpr uint64_t kDigestStart = 0xcbf29ce484222325;
uint64_t Mix(uint64_t digest, uint64_t word) {
  return (std::rotl(digest, 23) ^ word) * 0x100000001b3;
}

// What one node's outputs add up to.
class OpSum {
 public:
  // One row of outputs and what the reference gave for it; not empty.
  void Add(std::span<const double> reference, std::span<const float> row) {
    const auto n = static_cast<double>(row.size());
    double squares = 0, fourths = 0;
    for (size_t i = 0; i < row.size(); ++i) {
      const double error = static_cast<double>(row[i]) - reference[i];
      const double square = error * error;
      squares += square;
      fourths += square * square;
      abs_ += std::abs(error);
      // NaNs compare false: one that came stays.
      if (!std::isnan(max_) && !(std::abs(error) <= max_)) {
        max_ = std::abs(error);
      }
      reference_ += reference[i] * reference[i];
      digest_ = Mix(digest_, std::bit_cast<uint32_t>(row[i]));
    }
    squares_ += squares;
    count_ += static_cast<int64_t>(row.size());
    // The row's outputs are n draws of one error: the variance of their sum.
    if (row.size() > 1) {
      variance_ += n / (n - 1) * std::max(0.0, fourths - squares * squares / n);
    } else {
      variance_ += fourths;
    }
  }

  OpError Result(const Node& node) const {
    OpError e{.name = node.name,
              .op = std::string(node.op->name),
              .layer = node.layer,
              .outputs = count_,
              .digest = digest_};
    if (count_ == 0) return e;
    const auto n = static_cast<double>(count_);
    // All outputs zero: errors are then as they are.
    const double scale = reference_ > 0 ? reference_ / n : 1;
    e.mean_square = squares_ / n / scale;
    e.mean_square_stderr = std::sqrt(variance_) / n / scale;
    e.mean_abs = abs_ / n / std::sqrt(scale);
    e.max_abs = max_ / std::sqrt(scale);
    return e;
  }

 private:
  int64_t count_ = 0;
  double squares_ = 0, variance_ = 0, abs_ = 0, max_ = 0, reference_ = 0;
  uint64_t digest_ = kDigestStart;
};

// Stands between a program and its steps: gives them what the reference had,
// if that is asked for, and compares what they give.
class Observer {
 public:
  Observer(const Graph& graph, const OpErrorOptions& options, size_t repeats)
      : inputs_(options.inputs),
        sums_(repeats, std::vector<OpSum>(graph.nodes().size())) {}

  // Whose values are compared with, and for which repetition, until the next
  // call.
  void Follow(Reference& reference, size_t repeat) {
    reference_ = &reference;
    repeat_ = repeat;
  }

  Picos Run(const Step& step, const StepContext& ctx) {
    const Picos end =
        inputs_ == OpInputs::kReference ? RunForced(step, ctx) : step.Run(ctx);
    Compare(ctx);
    return end;
  }

  const OpSum& sum(size_t repeat, NodeId node) const {
    return sums_[repeat][node];
  }

 private:
  Picos RunForced(const Step& step, const StepContext& ctx) {
    const size_t count = ctx.inputs.size();
    given_.resize(std::max(given_.size(), count));
    std::vector<ConstMatView<float>> forced(ctx.inputs.begin(),
                                            ctx.inputs.end());
    for (size_t i = 0; i < count; ++i) {
      const MatView<double> exact = reference_->store().At(ctx.node.inputs[i]);
      if (exact.size() == 0) continue;  // a weight
      given_[i].assign(exact.data(), exact.data() + exact.size());
      forced[i] =
          ConstMatView<float>(given_[i].data(), exact.rows(), exact.cols());
    }
    StepContext with = ctx;
    with.inputs = forced;
    return step.Run(with);
  }

  void Compare(const StepContext& ctx) {
    const MatView<double> exact = reference_->store().At(ctx.node.output);
    TRIPTYCH_CHECK(exact.cols() == ctx.output.cols(), "node", ctx.node.name);
    const Value& value = ctx.graph.value(ctx.node.output);
    size_t first = 0, last = ctx.output.rows();
    if (value.kind == ValueKind::kCache && value.shape.rows.total) {
      first = static_cast<size_t>(ctx.binding.context);  // of one sequence
      last = static_cast<size_t>(ctx.binding.total());
    }
    for (size_t i = first; i < last; ++i) {
      sums_[repeat_][ctx.node.id].Add(exact.row_span(i),
                                      ctx.output.row_span(i));
    }
  }

  OpInputs inputs_;
  Reference* reference_ = nullptr;
  size_t repeat_ = 0;
  std::vector<std::vector<OpSum>> sums_;     // by repetition and node
  std::vector<AlignedVector<float>> given_;  // by input, of the step that runs
};

class ObservedStep : public Step {
 public:
  ObservedStep(std::unique_ptr<Step> step, Observer& observer)
      : step_(std::move(step)), observer_(observer) {}
  Picos Run(const StepContext& ctx) const override {
    return observer_.Run(*step_, ctx);
  }

 private:
  std::unique_ptr<Step> step_;
  Observer& observer_;
};

CompileOptions Observed(const CompileOptions& options, Observer& observer) {
  CompileOptions observed = options;
  observed.wrap = [&observer, wrap = options.wrap](const Node& node,
                                                   std::unique_ptr<Step> step) {
    if (wrap) step = wrap(node, std::move(step));
    return std::make_unique<ObservedStep>(std::move(step), observer);
  };
  return observed;
}

}  // namespace

double OpError::rms() const { return std::sqrt(mean_square); }

Result<std::vector<OpError>> OperatorErrors(const Graph& graph,
                                            const Weights& weights,
                                            const Target& target,
                                            std::span<const Segment> segments,
                                            const OpErrorOptions& options,
                                            const TokensDone& tell) {
  TRIPTYCH_ASSIGN(auto repeats,
                  OperatorErrorsOverSeeds(graph, weights, target, segments,
                                          options, 1, tell));
  return std::move(repeats.front());
}

Result<std::vector<std::vector<OpError>>> OperatorErrorsOverSeeds(
    const Graph& graph, const Weights& weights, const Target& target,
    std::span<const Segment> segments, const OpErrorOptions& options,
    size_t repeats, const TokensDone& tell) {
  const Entry* entry = graph.FindEntry(Phase::kPrefill);
  if (entry == nullptr) {
    return MakeError(ErrorCode::kUnsupported,
                     graph.name() + ": not a decoder: it has no prefill");
  }
  Observer observer(graph, options, repeats);
  TRIPTYCH_ASSIGN(
      const auto program,
      target.Compile(graph, &weights, Observed(options.compile, observer)));
  size_t done = 0, total = 0;
  for (const Segment& segment : segments) total += segment.fed().size();
  for (size_t s = 0; s < segments.size(); ++s) {
    auto rest = segments[s].fed();
    const auto capacity = static_cast<int64_t>(rest.size());
    Reference reference(graph, weights, 1, capacity);
    std::deque<Session> sessions;
    for (size_t r = 0; r < repeats; ++r) {
      sessions.emplace_back(
          graph, *program,
          SessionOptions{.capacity = capacity,
                         .seed = SeedOfRepeat(options.seed, r) + s,
                         .threads = options.threads});
    }
    while (!rest.empty()) {
      const auto part = rest.first(std::min(rest.size(), kFeed));
      rest = rest.subspan(part.size());
      TRIPTYCH_TRY(reference.Feed(part));
      for (size_t r = 0; r < repeats; ++r) {
        observer.Follow(reference, r);
        TRIPTYCH_TRY(sessions[r].Prefill(part));
      }
      if (tell) tell(done += part.size(), total);
    }
  }
  std::vector<std::vector<OpError>> errors(repeats);
  for (size_t r = 0; r < repeats; ++r) {
    for (const Node& node : graph.NodesOf(*entry)) {
      errors[r].push_back(observer.sum(r, node.id).Result(node));
    }
  }
  return errors;
}

std::vector<OpError> Pooled(std::span<const std::vector<OpError>> repeats) {
  if (repeats.empty()) return {};
  std::vector<OpError> pooled = repeats.front();
  const auto n = static_cast<double>(repeats.size());
  for (size_t i = 0; i < pooled.size(); ++i) {
    OpError& p = pooled[i];
    double variance = p.mean_square_stderr * p.mean_square_stderr;
    for (const std::vector<OpError>& repeat : repeats.subspan(1)) {
      const OpError& e = repeat[i];
      TRIPTYCH_CHECK(e.name == p.name, "operator", e.name, "is not", p.name);
      p.outputs += e.outputs;
      p.mean_square += e.mean_square;
      variance += e.mean_square_stderr * e.mean_square_stderr;
      p.mean_abs += e.mean_abs;
      p.max_abs = std::max(p.max_abs, e.max_abs);
      p.digest = Mix(p.digest, e.digest);
    }
    p.mean_square /= n;
    p.mean_abs /= n;
    p.mean_square_stderr = std::sqrt(variance) / n;
  }
  return pooled;
}

std::vector<OpError> AcrossLayers(std::span<const OpError> nodes) {
  std::vector<OpError> groups;
  for (const OpError& node : nodes) {
    const std::string_view name = NameInLayer(node.name, node.layer);
    auto group = std::ranges::find_if(groups, [&](const OpError& g) {
      return g.name == name && g.op == node.op;
    });
    const double variance = node.mean_square_stderr * node.mean_square_stderr;
    if (group == groups.end()) {
      groups.push_back(node);
      groups.back().name = name;
      groups.back().layer = -1;
      groups.back().mean_square_stderr = variance;
      continue;
    }
    group->nodes += node.nodes;
    group->outputs += node.outputs;
    group->mean_square += node.mean_square;
    group->mean_square_stderr += variance;
    group->mean_abs += node.mean_abs;
    group->max_abs = std::max(group->max_abs, node.max_abs);
    group->digest = Mix(group->digest, node.digest);
  }
  for (OpError& group : groups) {
    const auto n = static_cast<double>(group.nodes);
    group.mean_square /= n;
    group.mean_square_stderr = std::sqrt(group.mean_square_stderr) / n;
    group.mean_abs /= n;
  }
  return groups;
}

std::string_view NameInLayer(std::string_view node_name, int layer) {
  if (layer < 0) return node_name;
  const std::string number = fmt::format(".{}.", layer);
  const size_t at = node_name.find(number);
  if (at == std::string_view::npos) return node_name;
  return node_name.substr(at + number.size());
}

std::string_view NameInLayer(const Node& node) {
  return NameInLayer(node.name, node.layer);
}

}  // namespace triptych
