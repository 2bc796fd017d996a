// A model of sounds, on any target.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_KEYWORDS_HEARING_H_
#define TRIPTYCH_TESTS_EMULATORS_KEYWORDS_HEARING_H_

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "emulators/encoder.h"
#include "emulators/target.h"
#include "models/audio/front_end.h"
#include "models/audio/speech_commands.h"
#include "models/build/build.h"
#include "models/graph_weights.h"
#include "models/weights.h"

namespace triptych {

struct Heard {
  std::string word;
  double probability = 0;
  std::vector<float> logits;
};

class Listener {
 public:
  explicit Listener(const std::string& path) {
    auto file = LoadModel(path);
    REQUIRE_MESSAGE(file, (file ? "" : file.error().message));
    file_ = *std::move(file);
    auto graph = BuildGraph(file_);
    REQUIRE_MESSAGE(graph, (graph ? "" : graph.error().message));
    graph_ = *std::move(graph);
    auto weights = Weights::Bind(graph_, file_);
    REQUIRE_MESSAGE(weights, (weights ? "" : weights.error().message));
    weights_.emplace(*std::move(weights));
    const auto front = FrontEndOf(file_, graph_);
    REQUIRE_MESSAGE(front, (front ? "" : front.error().message));
    front_ = *front;
  }
  Listener(const Listener&) = delete;

  const Graph& graph() const { return graph_; }
  const Weights& weights() const { return *weights_; }
  const FrontEnd& front_end() const { return *front_; }

  // Once for all targets.
  std::vector<std::vector<float>> FeaturesOf(
      const std::vector<std::vector<float>>& sounds) const {
    std::vector<std::vector<float>> all;
    for (const std::vector<float>& sound : sounds) {
      auto features = front_->Run(sound);
      REQUIRE_MESSAGE(features, (features ? "" : features.error().message));
      all.push_back(*std::move(features));
    }
    return all;
  }

  std::vector<Heard> HearOn(
      const std::string& spec,
      const std::vector<std::vector<float>>& features) const {
    const auto target = MakeTarget(spec);
    REQUIRE(target);
    const auto program = (*target)->Compile(graph_, &*weights_);
    REQUIRE_MESSAGE(program, (program ? "" : program.error().message));
    Encoder encoder(graph_, **program, {});
    std::vector<Heard> heard;
    for (const std::vector<float>& f : features) {
      const auto logits = encoder.Run(f);
      REQUIRE_MESSAGE(logits, (logits ? "" : logits.error().message));
      const auto row = logits->row_span(0);
      const auto p = ProbabilitiesOf(row);
      const auto top = std::max_element(p.begin(), p.end());
      heard.push_back({std::string(kSpeechCommands[top - p.begin()]), *top,
                       std::vector<float>(row.begin(), row.end())});
    }
    return heard;
  }

 private:
  ModelFile file_;
  Graph graph_;
  std::optional<Weights> weights_;
  std::shared_ptr<const FrontEnd> front_;
};

}  // namespace triptych

#endif  // TRIPTYCH_TESTS_EMULATORS_KEYWORDS_HEARING_H_
