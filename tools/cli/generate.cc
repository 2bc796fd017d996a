// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/generate.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "emulators/accuracy.h"
#include "models/chat.h"
#include "models/reference.h"
#include "models/sampling.h"
#include "tools/cli/layers.h"
#include "tools/cli/op_report.h"
#include "tools/cli/output.h"

namespace triptych::cli {
namespace {

using Clock = std::chrono::steady_clock;
// The logits that each generated token was drawn from.
using LogitRows = std::vector<std::vector<float>>;

// The prompt as the model reads it, and the tokens that end what it writes.
struct Prompt {
  std::vector<int32_t> ids;
  std::vector<int32_t> ends;
};

Result<Prompt> ReadPrompt(const Tokenizer& tokenizer,
                          const GenerateOptions& options) {
  Prompt prompt{.ids = {}, .ends = {tokenizer.special().eos}};
  if (!options.chat) {
    prompt.ids = tokenizer.Encode(options.prompt);
    if (prompt.ids.empty()) prompt.ids = {tokenizer.start()};
    return prompt;
  }
  TRIPTYCH_ASSIGN(const ChatTemplate* chat,
                  options.chat_template.empty()
                      ? RecogniseChatTemplate(tokenizer.spec().chat_template)
                      : ChatTemplateNamed(options.chat_template));
  const ChatMessage message{ChatRole::kUser, options.prompt};
  TRIPTYCH_ASSIGN(prompt.ids,
                  EncodeChat(tokenizer, *chat, std::span(&message, 1)));
  TRIPTYCH_ASSIGN(const TokenId end, EndOfTurn(tokenizer, *chat));
  prompt.ends.push_back(end);
  return prompt;
}

Result<Sampler> MakeSampler(const Sampling& s) {
  const SamplingOptions options{.temperature = s.temperature,
                                .top_k = s.top_k,
                                .top_p = s.top_p,
                                .seed = s.seed};
  TRIPTYCH_TRY(triptych::Validate(options));
  return Sampler(options);
}

// Appends up to `count` tokens, fewer where one of `ends` comes or the machine
// fails, to g->tokens.
Result<LogitRows> Continue(Session& session, std::string_view label, int count,
                           Sampler sampler, std::span<const int32_t> ends,
                           Generation* g) {
  std::vector<int32_t>& tokens = g->tokens;
  Progress progress(label);
  LogitRows rows;
  TRIPTYCH_ASSIGN(ConstMatView<float> logits, session.Prefill(tokens));
  while (true) {
    const auto last = logits.row_span(logits.rows() - 1);
    rows.emplace_back(last.begin(), last.end());
    tokens.push_back(sampler.Sample(rows.back()));
    progress(rows.size(), static_cast<size_t>(count));
    const bool end =
        std::find(ends.begin(), ends.end(), tokens.back()) != ends.end();
    if (end || std::cmp_equal(rows.size(), count)) return rows;
    const auto next = session.Decode(tokens.back());
    if (!next) {
      g->interrupted = next.error();
      return rows;
    }
    logits = *next;
  }
}

// How far `rows`, the last of which drew the last of g->tokens, are from the
// reference's logits at the same positions.
Status ScoreRows(const Model& model, const LogitRows& rows, Generation* g) {
  TRIPTYCH_ASSIGN(const Graph graph,
                  BuildGraph(model.file, {.all_logits = true}));
  TRIPTYCH_ASSIGN(const Weights weights, model.WeightsOf(graph));
  const size_t fed = g->tokens.size() - 1, prompt = fed + 1 - rows.size();
  Reference reference(graph, weights, 1, static_cast<int64_t>(fed));
  Progress progress("f64 reference");
  std::vector<TokenScore> scores;
  // Weights are read once for as many tokens as go together.
  constexpr size_t kTogether = 16;
  for (size_t first = 0; first < fed; first += kTogether) {
    const size_t count = std::min(kTogether, fed - first);
    TRIPTYCH_ASSIGN(const ConstMatView<double> exact,
                    reference.Feed(std::span(g->tokens).subspan(first, count)));
    progress(first + count, fed);
    for (size_t t = first; t < first + count; ++t) {
      if (t + 1 < prompt) continue;
      scores.push_back(ScoreOf(exact.row_span(t - first), rows[t + 1 - prompt],
                               g->tokens[t + 1]));
    }
  }
  const Accuracy accuracy = SummaryOf(scores);
  g->kl_nats_per_token = accuracy.kl_nats_per_token;
  g->top1_agreement = accuracy.top1_agreement;
  g->accuracy_class = accuracy.accuracy_class;
  return {};
}

void AddCosts(const Graph& graph, const Target& target, const Session& session,
              Generation* g) {
  g->prefill = MakeProfile(graph, target, session.prefill_ledger());
  g->decode = MakeProfile(graph, target, session.decode_ledger());
  const Cost& decode = g->decode.total;
  const auto tokens =
      static_cast<double>(std::max<int64_t>(1, session.decode_tokens()));
  g->prefill_s = g->prefill.total.seconds;
  g->decode_s_per_token = decode.seconds / tokens;
  g->energy_j_per_token = decode.energy_j / tokens;
  g->assumed_energy_fraction = decode.assumed_energy_fraction();
}

// Compiles for run.target, continues run.generation.tokens, and keeps what
// that cost; program and caches are gone when it returns.
Result<LogitRows> Generate(const Model& model, const GenerateOptions& options,
                           Sampler sampler, std::span<const int32_t> ends,
                           TargetRun& run) {
  Generation& g = run.generation;
  const auto start = Clock::now();
  std::optional<LayerMeter> meter;
  if (options.layers) meter.emplace(model.graph, *run.target, &*model.weights);
  TRIPTYCH_ASSIGN(
      const auto program,
      run.target->Compile(model.graph, &*model.weights,
                          meter ? meter->Watching() : CompileOptions()));
  const auto capacity = static_cast<int64_t>(g.tokens.size()) + options.tokens;
  const bool timeline = !options.trace.empty();
  Session session(model.graph, *program,
                  SessionOptions{.capacity = capacity,
                                 .seed = options.sampling.seed,
                                 .threads = ThreadsOf(options),
                                 .mode = timeline ? Ledger::Mode::kKeep
                                                  : Ledger::Mode::kFold});
  TRIPTYCH_ASSIGN(LogitRows rows,
                  Continue(session, run.target->name(), options.tokens,
                           std::move(sampler), ends, &g));
  g.host_wall_s = std::chrono::duration<double>(Clock::now() - start).count();
  g.text = model.file.tokenizer.Decode(g.tokens);
  AddCosts(model.graph, *run.target, session, &g);
  run.ledgers = std::move(session).TakeLedgers();
  if (meter) {
    run.prefill_layers = meter->Report(Phase::kPrefill, run.ledgers.prefill);
    if (!run.ledgers.decode.rows().empty()) {
      run.decode_layers = meter->Report(Phase::kDecode, run.ledgers.decode);
    }
  }
  return rows;
}

}  // namespace

Result<TargetRun> RunOn(const Model& model, const std::string& spec,
                        const GenerateOptions& options) {
  TargetRun run;
  Generation& g = run.generation;
  TRIPTYCH_ASSIGN(run.target,
                  MakeTarget(spec, OverridesFor(spec, options.set)));
  TRIPTYCH_ASSIGN(Sampler sampler, MakeSampler(options.sampling));
  TRIPTYCH_TRY(CheckTokenizer(model));
  Result<Prompt> prompt = ReadPrompt(model.file.tokenizer, options);
  if (!prompt) {
    return Locate(std::move(prompt).error(), model.file.config.name);
  }
  g.tokens = std::move(prompt->ids);
  TRIPTYCH_TRY(CheckContext(
      model.file.config, static_cast<int64_t>(g.tokens.size()) + options.tokens,
      "-n and -p"));

  TRIPTYCH_ASSIGN(
      const LogitRows rows,
      Generate(model, options, std::move(sampler), prompt->ends, run));
  TRIPTYCH_TRY(ScoreRows(model, rows, &g));
  return run;
}

nlohmann::json ToJson(const TargetRun& run) {
  const Generation& g = run.generation;
  nlohmann::json json = {{"target", run.target->name()},
                         {"preset", run.target->preset()},
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
                         {"utilisation", g.decode.utilisation},
                         {"ops", ToJson(g.decode.kinds)}};
  json.update(MachineJson(*run.target, g.decode));
  if (run.prefill_layers) {
    json["layers"]["prefill"] = ToJson(*run.prefill_layers);
  }
  if (run.decode_layers) {
    json["layers"]["decode"] = ToJson(*run.decode_layers);
  }
  if (g.interrupted) json["interrupted"] = g.interrupted->message;
  return json;
}

}  // namespace triptych::cli
