// classify: what is said in sounds, the same clips on each target.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "emulators/encoder.h"
#include "emulators/profile.h"
#include "models/audio/front_end.h"
#include "models/audio/resample.h"
#include "models/audio/speech_commands.h"
#include "models/audio/wav.h"
#include "models/mapped_file.h"
#include "tools/cli/model_source.h"
#include "tools/cli/op_report.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

// Of the models there are; no file says what it was trained at.
constexpr int64_t kRateHz = 16000;

struct Clip {
  std::string file;
  std::vector<float> features;
};

// The clips on one machine.
struct Hearing {
  std::unique_ptr<Target> target;
  Ledger ledger{Ledger::Mode::kFold};
  std::vector<std::vector<double>> probabilities;  // by clip
  Profile profile;                                 // of all clips
  double host_wall_s = 0;
};

Result<std::vector<Clip>> ReadClips(const FrontEnd& front,
                                    const ClassifyOptions& o) {
  std::vector<Clip> clips;
  for (const std::string& file : o.audio) {
    TRIPTYCH_ASSIGN(const Sound sound, ReadWav(file));
    const auto samples =
        Centred(Resample(sound.samples, sound.rate_hz, kRateHz),
                static_cast<size_t>(front.samples()));
    TRIPTYCH_ASSIGN(std::vector<float> features, front.Run(samples));
    clips.push_back({file, std::move(features)});
  }
  return clips;
}

Result<std::vector<std::string>> ReadLabels(const std::string& file,
                                            size_t classes) {
  std::vector<std::string> labels;
  if (!file.empty()) {
    TRIPTYCH_ASSIGN(const MappedFile mapped, MappedFile::Open(file));
    std::string_view text(reinterpret_cast<const char*>(mapped.bytes().data()),
                          mapped.bytes().size());
    while (!text.empty()) {
      std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.empty()) labels.emplace_back(line);
    }
    if (labels.size() == classes) return labels;
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}:{}: labels: {} names; must be one for "
                                 "each of {} classes",
                                 file, labels.size(), labels.size(), classes));
  }
  if (classes == std::size(kSpeechCommands)) {
    return std::vector<std::string>(std::begin(kSpeechCommands),
                                    std::end(kSpeechCommands));
  }
  for (size_t c = 0; c < classes; ++c) labels.push_back(std::to_string(c));
  return labels;
}

Result<Hearing> HearOn(const Model& model, const std::vector<Clip>& clips,
                       const std::string& spec, const ClassifyOptions& o) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  Hearing h;
  TRIPTYCH_ASSIGN(h.target, MakeTarget(spec, OverridesFor(spec, o.set)));
  TRIPTYCH_ASSIGN(const auto program,
                  h.target->Compile(model.graph, &*model.weights));
  Encoder encoder(
      model.graph, *program,
      {.seed = o.seed,
       .threads = ThreadsOf(o),
       .mode = o.trace.empty() ? Ledger::Mode::kFold : Ledger::Mode::kKeep});
  Progress progress(h.target->name());
  for (const Clip& clip : clips) {
    TRIPTYCH_ASSIGN(const ConstMatView<float> logits,
                    encoder.Run(clip.features));
    h.probabilities.push_back(ProbabilitiesOf(logits.row_span(0)));
    progress(h.probabilities.size(), clips.size());
  }
  h.ledger = std::move(encoder).TakeLedger();
  h.profile = MakeProfile(model.graph, *h.target, h.ledger);
  h.host_wall_s = std::chrono::duration<double>(Clock::now() - start).count();
  return h;
}

size_t TopOf(const std::vector<double>& p) {
  return static_cast<size_t>(std::max_element(p.begin(), p.end()) - p.begin());
}

nlohmann::json JsonOf(const Hearing& h, const std::vector<Clip>& clips,
                      const std::vector<std::string>& labels) {
  nlohmann::json rows = nlohmann::json::array();
  const auto count = static_cast<double>(clips.size());
  for (size_t i = 0; i < clips.size(); ++i) {
    const std::vector<double>& p = h.probabilities[i];
    nlohmann::json by_label = nlohmann::json::object();
    for (size_t c = 0; c < labels.size(); ++c) by_label[labels[c]] = p[c];
    rows.push_back(
        {{"target", h.target->name()},
         {"preset", h.target->preset()},
         {"file", clips[i].file},
         {"label", labels[TopOf(p)]},
         {"probability", p[TopOf(p)]},
         {"probabilities", by_label},
         {"seconds", h.profile.total.seconds / count},
         {"cycles", h.profile.cycles / count},
         {"energy_j", h.profile.total.energy_j / count},
         {"assumed_energy_fraction", h.profile.total.assumed_energy_fraction()},
         {"utilisation", h.profile.utilisation},
         {"bound", h.profile.bound},
         {"host_wall_s", h.host_wall_s / count}});
  }
  return rows;
}

std::string TextOf(const std::vector<Hearing>& hearings,
                   const std::vector<Clip>& clips,
                   const std::vector<std::string>& labels) {
  std::vector<std::string> header = {"clip"};
  for (const Hearing& h : hearings) header.push_back(LabelOf(*h.target));
  Table words(header);
  for (size_t i = 0; i < clips.size(); ++i) {
    const std::string& file = clips[i].file;
    std::vector<std::string> row = {file.substr(file.find_last_of('/') + 1)};
    for (const Hearing& h : hearings) {
      const std::vector<double>& p = h.probabilities[i];
      row.push_back(fmt::format("{} {:.3f}", labels[TopOf(p)], p[TopOf(p)]));
    }
    words.Add(row);
  }
  Table costs({"target", "time/clip", "energy/clip", "assumed", "bound",
               "host time/clip"});
  const auto count = static_cast<double>(clips.size());
  for (const Hearing& h : hearings) {
    costs.Add({LabelOf(*h.target), Si(h.profile.total.seconds / count, "s"),
               Si(h.profile.total.energy_j / count, "J"),
               Percent(h.profile.total.assumed_energy_fraction()),
               h.profile.bound, Si(h.host_wall_s / count, "s")});
  }
  return words.Text() + "\n" + costs.Text();
}

}  // namespace

Result<int> ClassifyCommand(const ClassifyOptions& options) {
  TRIPTYCH_ASSIGN(const auto model, OpenModel(options.model, "", {}));
  TRIPTYCH_TRY(CheckWeights(*model));
  TRIPTYCH_ASSIGN(const std::shared_ptr<const FrontEnd> front,
                  FrontEndOf(model->file, model->graph));
  const Entry* entry = model->graph.FindEntry(Phase::kEncode);
  const int64_t classes = model->graph.value(entry->output).shape.cols;
  TRIPTYCH_ASSIGN(const std::vector<std::string> labels,
                  ReadLabels(options.labels, static_cast<size_t>(classes)));
  TRIPTYCH_ASSIGN(const std::vector<Clip> clips, ReadClips(*front, options));
  std::vector<Hearing> hearings;
  nlohmann::json results = nlohmann::json::array();
  for (const std::string& spec : TargetsOr(options, {"cpu"})) {
    TRIPTYCH_ASSIGN(Hearing hearing, HearOn(*model, clips, spec, options));
    for (auto& row : JsonOf(hearing, clips, labels)) {
      results.push_back(std::move(row));
    }
    hearings.push_back(std::move(hearing));
  }
  Print(options.json, TextOf(hearings, clips, labels));
  TRIPTYCH_TRY(WriteJson(options.json, "classify", results));
  std::vector<Track> tracks;
  for (const Hearing& h : hearings) {
    tracks.push_back(
        {LabelOf(*h.target), &model->graph, h.target.get(), &h.ledger});
  }
  TRIPTYCH_TRY(WriteTraceFile(options.trace, tracks, options.trace_format));
  return kOk;
}

}  // namespace triptych::cli
