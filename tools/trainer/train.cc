// Trains the default model: grammar -> vocabulary -> transformer -> GGUF.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <functional>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/base/parallel.h"
#include "models/formats/gguf_model.h"
#include "tools/trainer/corpus.h"
#include "tools/trainer/learner.h"
#include "tools/trainer/story_grammar.h"

namespace triptych::trainer {
namespace {

struct Options {
  std::string grammar = TRIPTYCH_GRAMMAR_FILE;
  std::string out = "triptych-stories.gguf";
  uint64_t seed = 1;
  uint64_t steps = 8000;
  double minutes = 0;
  size_t batch = 16;
  double learning_rate = 3e-3;
  size_t assess = 2000;
  int threads = 2;
};

// About 0.87 M parameters, 1.7 MB in bf16. Every inner dimension is a multiple
// of 32, so that every block format can store it.
ModelConfig ModelOf(size_t vocab) {
  ModelConfig c;
  c.architecture = "llama";
  c.name = "triptych-stories";
  c.layers = 4;
  c.dim = 128;
  c.ffn = 352;
  c.heads = 4;
  c.kv_heads = 2;
  c.head_dim = 32;
  c.rope.dim = c.head_dim;
  c.vocab = static_cast<int64_t>(vocab);
  c.context = 256;
  c.tied_head = true;
  return c;
}

constexpr size_t kVocabulary = 1024;
constexpr size_t kVocabularyStories = 20000;
constexpr uint64_t kWarmUpSteps = 100;
// Steps timed before --minutes is turned into --steps; inside the warm-up,
// where the learning rate does not depend on the number of steps.
constexpr uint64_t kTimedSteps = 20;

volatile std::sig_atomic_t interrupted = 0;

// Up in a line, level, then down half a cosine over the last third. Until
// then nothing depends on the number of steps: a run can be stopped, and
// finished with another --steps, and is the run of that --steps.
double LearningRate(const Options& options, uint64_t step) {
  const uint64_t level = options.steps - options.steps / 3;
  if (step < kWarmUpSteps) {
    return options.learning_rate * static_cast<double>(step + 1) / kWarmUpSteps;
  }
  if (step < level) return options.learning_rate;
  const double done = static_cast<double>(step - level) /
                      static_cast<double>(options.steps - level);
  return options.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

class Clock {
 public:
  double Seconds() const {
    const std::chrono::duration<double> d =
        std::chrono::steady_clock::now() - start_;
    return d.count();
  }

 private:
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

// Runs until options.steps or an interrupt. `save` is called now and then.
Status Train(Options& options, Learner& learner, Corpus& corpus,
             const std::function<Status()>& save) {
  constexpr uint64_t kReportEvery = 50, kAssessEvery = 500, kSaveEvery = 100;
  constexpr size_t kAssessStories = 200;
  const Clock clock;
  const uint64_t first = learner.steps();
  double loss = 0, bound = 0;  // nats, since the last report
  size_t predictions = 0, all_predictions = 0;
  for (uint64_t step = first; step < options.steps && !interrupted;) {
    std::vector<TokenStory> stories;
    size_t batch_predictions = 0;
    for (size_t i = 0; i < options.batch; ++i) {
      stories.push_back(corpus.Training(step * options.batch + i));
      batch_predictions += stories.back().predictions();
      bound -= stories.back().log_probability;
    }
    loss += static_cast<double>(batch_predictions) *
            learner.Step(stories,
                         static_cast<float>(LearningRate(options, step)));
    predictions += batch_predictions;
    all_predictions += batch_predictions;
    ++step;
    const double per_step =
        clock.Seconds() / static_cast<double>(step - first);
    if (options.minutes > 0 && step == kTimedSteps) {
      options.steps = std::max(
          2 * kWarmUpSteps,
          static_cast<uint64_t>(options.minutes * 60 / per_step));
      fmt::print("{} minutes are {} steps: to repeat, --steps {}\n",
                 options.minutes, options.steps, options.steps);
    }
    if (step % kReportEvery == 0) {
      const double tokens = static_cast<double>(predictions);
      fmt::print(
          "step {:5d}/{}  loss {:.4f}  bound {:.4f}  {:.0f} tokens/s  "
          "{:.0f} min left\n",
          step, options.steps, loss / tokens, bound / tokens,
          static_cast<double>(all_predictions) / clock.Seconds(),
          static_cast<double>(options.steps - step) * per_step / 60);
      loss = bound = 0;
      predictions = 0;
    }
    if (step % kAssessEvery == 0) {
      const Assessment a = learner.Assess(corpus, kAssessStories);
      fmt::print("held out    loss {:.4f}  bound {:.4f}  excess {:.4f}\n",
                 a.loss, a.bound, a.excess);
    }
    if (step % kSaveEvery == 0) TRIPTYCH_TRY(save());
    std::fflush(stdout);
  }
  return {};
}

void PrintAssessment(const Assessment& a) {
  fmt::print(
      "held out: {} stories, {} predictions\n"
      "  loss    {:.4f} nats/token (perplexity {:.3f}, top-1 {:.1f} %)\n"
      "  bound   {:.4f} +- {:.4f} (exact -log p of these stories)\n"
      "  excess  {:.4f} +- {:.4f} (KL from the grammar to the model)\n",
      a.stories, a.tokens, a.loss, std::exp(a.loss), 100 * a.top1, a.bound,
      a.bound_error, a.excess, a.excess_error);
}

void PrintSamples(Learner& learner, const Tokenizer& tokenizer) {
  const char* const prompts[] = {"Once upon a time,",
                                 "One day, Lily went to the park",
                                 "Tom and his friend Amy"};
  for (const char* prompt : prompts) {
    for (const double temperature : {0.0, 0.8}) {
      fmt::print("[temperature {}] {}\n", temperature,
                 tokenizer.Decode(learner.Continue(
                     tokenizer.Encode(prompt), tokenizer.special().eos,
                     temperature, 1)));
    }
  }
}

Status Write(const Learner& learner, const Tokenizer& tokenizer,
             const std::string& path) {
  ModelFile model;
  model.config = learner.layout().config();
  model.tokenizer = tokenizer;
  for (const Parameter& p : learner.layout().parameters()) {
    WeightTensor tensor;
    tensor.name = p.name;
    if (!p.vector) tensor.shape.push_back(static_cast<int64_t>(p.rows));
    tensor.shape.push_back(static_cast<int64_t>(p.cols));
    const auto values = learner.parameters().subspan(p.offset, p.rows * p.cols);
    tensor.data = reinterpret_cast<const std::byte*>(values.data());
    tensor.bytes = values.size_bytes();
    model.tensors.push_back(std::move(tensor));
  }
  return WriteGgufModel(model, DType::kBf16, path);
}

Status Run(Options options) {
  TRIPTYCH_ASSIGN(const StoryGrammar grammar,
                  StoryGrammar::Load(options.grammar));
  TRIPTYCH_ASSIGN(
      const Tokenizer tokenizer,
      LearnTokenizer(grammar, options.seed, kVocabularyStories, kVocabulary));
  const ModelConfig config = ModelOf(kVocabulary);
  Corpus corpus(grammar, tokenizer, options.seed,
                static_cast<size_t>(config.context));
  Learner learner(config, options.seed, options.threads);
  fmt::print("{} parameters; a story holds {:.3f} nats\n",
             learner.layout().size(), grammar.Entropy());

  const std::string checkpoint = options.out + ".checkpoint";
  const std::string key = fmt::format(
      "triptych-stories seed {} batch {} rate {} entropy {:.6f}", options.seed,
      options.batch, options.learning_rate, grammar.Entropy());
  if (std::filesystem::exists(checkpoint)) {
    TRIPTYCH_TRY(learner.Load(checkpoint, key));
    fmt::print("going on at step {}\n", learner.steps());
  }
  std::signal(SIGINT, [](int) { interrupted = 1; });
  std::signal(SIGTERM, [](int) { interrupted = 1; });
  const auto save = [&] { return learner.Save(checkpoint, key); };
  TRIPTYCH_TRY(Train(options, learner, corpus, save));
  if (interrupted) {
    TRIPTYCH_TRY(save());
    fmt::print("stopped at step {}: the same command goes on from there\n",
               learner.steps());
    return {};
  }
  learner.RoundToBf16();  // what is measured is what is written
  PrintAssessment(learner.Assess(corpus, options.assess));
  PrintSamples(learner, tokenizer);
  TRIPTYCH_TRY(Write(learner, tokenizer, options.out));
  std::filesystem::remove(checkpoint);
  fmt::print("{}: {} bytes\n", options.out,
             std::filesystem::file_size(options.out));
  return {};
}

}  // namespace
}  // namespace triptych::trainer

int main(int argc, char** argv) {
  using triptych::trainer::Options;
  Options options;
  CLI::App app("Trains the default model on generated stories");
  app.add_option("--grammar", options.grammar, "the grammar of the stories")
      ->capture_default_str();
  app.add_option("--out", options.out, "the GGUF file to write")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "of weights and stories")
      ->capture_default_str();
  app.add_option("--steps", options.steps, "updates")
      ->capture_default_str()
      ->check(CLI::Range(200, 10000000));
  app.add_option("--minutes", options.minutes,
                 "choose --steps so that it takes about this long");
  app.add_option("--batch", options.batch, "stories in an update")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  app.add_option("--rate", options.learning_rate, "the highest learning rate")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--assess", options.assess, "held-out stories at the end")
      ->capture_default_str()
      ->check(CLI::Range(2, 1000000));
  app.add_option("--threads", options.threads, "the result is the same for any")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024));
  CLI11_PARSE(app, argc, argv);
  if (auto status = triptych::trainer::Run(options); !status) {
    fmt::print(stderr, "{}\n", status.error().message);
    return 2;
  }
  return 0;
}
