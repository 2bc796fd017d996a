// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/generate.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "emulators/accuracy.h"
#include "kernels/base/parallel.h"
#include "models/reference.h"
#include "models/sampling.h"
#include "tools/cli/json_output.h"

namespace triptych::cli {
namespace {

using Clock = std::chrono::steady_clock;

// The prompt as the model reads it: BOS in front even where the tokenizer
// would not put one, so that there is always something to start from.
Result<std::vector<int32_t>> PromptIds(const Model& model,
                                       const std::string& prompt) {
  const Tokenizer& tokenizer = model.file.tokenizer;
  if (tokenizer.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     model.file.config.name +
                         ": has no tokenizer inside; name one with "
                         "--tokenizer");
  }
  std::vector<int32_t> ids = tokenizer.Encode(prompt);
  if (ids.empty() || ids.front() != tokenizer.special().bos) {
    ids.insert(ids.begin(), tokenizer.special().bos);
  }
  return ids;
}

Status CheckRoom(const Model& model, size_t prompt, int tokens) {
  const int64_t context = model.file.config.context;
  const auto needed = static_cast<int64_t>(prompt) + tokens;
  if (needed <= context) return {};
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("-n {}: with {} tokens of prompt that is {}, "
                               "but {} was made for at most {}",
                               tokens, prompt, needed, model.file.config.name,
                               context));
}

// The f64 answers at the last `count` positions before each generated token.
Status Score(const Model& model, const std::vector<std::vector<float>>& rows,
             size_t prompt, Generation* generation) {
  TRIPTYCH_ASSIGN(const Graph graph,
                  BuildGraph(model.file.config, {.all_logits = true}));
  TRIPTYCH_ASSIGN(const Weights weights, Weights::Bind(graph, model.file));
  const auto capacity = static_cast<int64_t>(generation->tokens.size());
  Reference reference(graph, weights, 1, capacity);
  const std::span<const int32_t> fed(generation->tokens.data(),
                                     generation->tokens.size() - 1);
  TRIPTYCH_ASSIGN(const ConstMatView<double> exact, reference.Feed(fed));
  AccuracySum sum;
  for (size_t i = 0; i < rows.size(); ++i) {
    sum.Add(exact.row_span(prompt - 1 + i), rows[i],
            generation->tokens[prompt + i]);
  }
  const Accuracy accuracy = sum.Result();
  generation->kl_nats_per_token = accuracy.kl_nats_per_token;
  generation->top1_agreement = accuracy.top1_agreement;
  generation->accuracy_class = accuracy.accuracy_class;
  return {};
}

void AddCosts(const Graph& graph, const Target& target, const Session& session,
              Generation* g) {
  g->prefill = MakeProfile(graph, target, session.prefill_ledger());
  g->decode = MakeProfile(graph, target, session.decode_ledger());
  g->prefill_s = g->prefill.total.seconds;
  const Cost& cost =
      session.decode_tokens() > 0 ? g->decode.total : g->prefill.total;
  const auto tokens = static_cast<double>(
      std::max<int64_t>(1, session.decode_tokens()));
  g->decode_s_per_token = g->decode.total.seconds / tokens;
  g->energy_j_per_token = cost.energy_j / tokens;
  g->assumed_energy_fraction = cost.assumed_energy_fraction();
}

std::vector<float> LastRow(const ConstMatView<float>& logits) {
  const auto row = logits.row_span(logits.rows() - 1);
  return {row.begin(), row.end()};
}

}  // namespace

Result<Generation> Generate(const Model& model, const Target& target,
                            const GenerateOptions& options,
                            std::unique_ptr<Session>* session_out,
                            std::unique_ptr<Program>* program_out) {
  Generation g;
  TRIPTYCH_ASSIGN(g.tokens, PromptIds(model, options.prompt));
  const size_t prompt = g.tokens.size();
  TRIPTYCH_TRY(CheckRoom(model, prompt, options.tokens));
  const SamplingOptions sampling{.temperature = options.sampling.temperature,
                                 .top_k = options.sampling.top_k,
                                 .top_p = options.sampling.top_p,
                                 .seed = options.sampling.seed};
  TRIPTYCH_TRY(triptych::Validate(sampling));
  Sampler sampler(sampling);

  const auto start = Clock::now();
  TRIPTYCH_ASSIGN(auto program,
                  target.Compile(model.graph, &*model.weights));
  auto session = std::make_unique<Session>(
      model.graph, *program,
      SessionOptions{
          .capacity = static_cast<int64_t>(prompt) + options.tokens,
          .seed = options.sampling.seed,
          .threads = options.threads > 0 ? options.threads : MaxThreads(),
          .mode = options.trace.empty() ? Ledger::Mode::kFold
                                        : Ledger::Mode::kKeep});
  Progress progress(std::string(target.name()),
                    static_cast<size_t>(options.tokens));
  std::vector<std::vector<float>> rows;
  TRIPTYCH_ASSIGN(ConstMatView<float> logits, session->Prefill(g.tokens));
  while (true) {
    rows.push_back(LastRow(logits));
    g.tokens.push_back(sampler.Sample(rows.back()));
    progress.Advance(rows.size());
    const bool end =
        g.tokens.back() == model.file.tokenizer.special().eos;
    if (end || rows.size() == static_cast<size_t>(options.tokens)) break;
    TRIPTYCH_ASSIGN(logits, session->Decode(g.tokens.back()));
  }
  g.host_wall_s =
      std::chrono::duration<double>(Clock::now() - start).count();
  g.text = model.file.tokenizer.Decode(g.tokens);
  AddCosts(model.graph, target, *session, &g);
  TRIPTYCH_TRY(Score(model, rows, prompt, &g));
  if (session_out != nullptr) *session_out = std::move(session);
  if (program_out != nullptr) *program_out = std::move(program);
  return g;
}

nlohmann::json ToJson(const std::vector<OpCost>& costs) {
  nlohmann::json rows = nlohmann::json::array();
  for (const OpCost& op : costs) {
    rows.push_back({{"name", op.name},
                    {"op", op.op},
                    {"nodes", op.nodes},
                    {"time_share", op.time_share},
                    {"seconds", op.cost.seconds},
                    {"energy_j", op.cost.energy_j},
                    {"flops", op.cost.flops},
                    {"padding_flops", op.cost.padding_flops},
                    {"off_chip_bytes", op.cost.off_chip_bytes}});
  }
  return rows;
}

nlohmann::json ToJson(const Target& target, const Generation& g) {
  return {{"target", target.name()},
          {"preset", target.preset()},
          {"text", g.text},
          {"tokens", g.tokens},
          {"kl_nats_per_token", g.kl_nats_per_token},
          {"top1_agreement", g.top1_agreement},
          {"class", g.accuracy_class},
          {"prefill_s", g.prefill_s},
          {"decode_s_per_token", g.decode_s_per_token},
          {"energy_j_per_token", g.energy_j_per_token},
          {"assumed_energy_fraction", g.assumed_energy_fraction},
          {"host_wall_s", g.host_wall_s},
          {"bound", g.decode.bound},
          {"ops", ToJson(g.decode.kinds)}};
}

}  // namespace triptych::cli
