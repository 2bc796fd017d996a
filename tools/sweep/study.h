// A study: which machines, models and work are crossed, what is computed
// from the answers, and what is sought.
//
//   name = "when_optics_pays"
//   about = "In a sentence"
//   model = "llama-3.1-8b"            # preset or file, or a list
//   targets = ["mesh", "optical"]     # name, name:preset or file.toml
//   phase = "decode"                  # prefill, decode, encode, or a list
//   batch = [1, 8, 64]
//   context = 4096                    # cached tokens; of the prompt in prefill
//   timeout_s = 10                    # of a point; memory_gb: of a worker
//
//   [set]                             # of every point, as --set
//   "mesh:host.link_gb_per_s" = 50
//
//   [axes]                            # a key of `list params`, for all targets
//   "optical:adc.bits" = [4, 6, 8]    # that have it or for one
//   "clock_hz" = { low = "0.8 GHz", high = 2e9, steps = 7, log = true }
//   "dram.gb_per_s" = { low = 100, high = 1000 }   # random, lhs and sobol
//   preset = ["a", "b"]               # of the one target
//
//   [design]
//   kind = "grid"                     # random, lhs, sobol: points, seed
//
//   [constants]
//   usd_per_mm2 = { value = 0.1, source = "...", basis = "assumed" }
//   [derived]
//   usd = "area * usd_per_mm2"        # or { value = "...", unit = "USD" }
//   [constraints]
//   fits = "scratchpad_kib <= 4096"
//   [objectives]
//   maximise = ["tokens_per_s_per_user"]
//   minimise = ["usd"]
//   [refine]
//   band = 0.05
//   measures = ["kl"]                 # with model and tokens to score
//
// Expressions (expression.h) may name every column, every constant and every
// parameter of the point's machine. A constraint over what is known before a
// point is evaluated takes points out of the design; one over measures makes
// a point `invalid`. One that names what a machine does not have says nothing
// about that machine.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_STUDY_H_
#define TRIPTYCH_TOOLS_SWEEP_STUDY_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/estimate.h"
#include "kernels/base/result.h"
#include "models/graph.h"
#include "tools/sweep/designs.h"
#include "tools/sweep/formulas.h"
#include "tools/sweep/results.h"

namespace triptych::cli {
struct Model;
}

namespace triptych::sweep {

struct Machine {
  std::string name;   // as the study writes it
  std::string label;  // "mesh:blackhole-p150"
  TargetFamily family;
  std::vector<ParamInfo> params;  // with the study's [set]
  std::string effective;          // the same as TOML
  std::string detailed;           // with [refine] set, for that tier

  bool Has(std::string_view key) const;
};

enum class AxisKind : uint8_t { kNumber, kWhole, kFlag, kText };

struct Axis {
  std::string name;  // "optical:adc.bits", "batch"
  std::string key;   // of the parameter, "adc.bits"; "" for the others
  std::string unit;
  AxisKind kind = AxisKind::kNumber;
  std::vector<double> levels;      // of a text axis 0, 1, ...
  std::vector<std::string> texts;  // of a text axis, by level
  // Without levels, a continuous range.
  double low = 0, high = 0;
  bool log = false;
  std::vector<bool> applies;  // by machine

  bool continuous() const { return levels.empty(); }
  bool varies() const { return levels.size() != 1; }
  // The level or place at `u` in [0, 1) of the axis.
  double At(double u) const;
};

struct Measure {
  std::string_view name, unit;
};
// Order of Outcome::numbers. The last two only where a study asks for "kl".
inline constexpr Measure kMeasures[] = {
    {"seconds", "s"},
    {"cycles", ""},
    {"energy_j", "J"},
    {"assumed_energy_fraction", ""},
    {"utilisation", ""},
    {"off_chip_bytes", "B"},
    {"flops", ""},
    {"ttft_s", "s"},  // prefill alone
    {"tpot_s", "s"},  // decode alone
    {"tokens_per_s_per_user", "1/s"},
    {"tokens_per_s", "1/s"},
    {"tokens_per_s_per_w", "1/(s W)"},
    {"joules_per_token", "J"},
    {"kl_nats_per_token", "nat"},
    {"top1_agreement", ""},
};
inline constexpr size_t kTimingMeasures = std::size(kMeasures) - 2;
// The unit that is busy longest, a text beside the numbers.
inline constexpr std::string_view kBoundMeasure = "bound";

struct Setting {
  std::string name;  // "adc.bits", "optical:adc.bits"
  Config::Scalar value;
  std::string text;  // the value as messages show it
};

struct Refine {
  double band = 0.05;        // relative distance to the front
  std::vector<Setting> set;  // of the detailed tier alone
  bool kl = false;
  std::string model;  // with weights; "" is the shipped one
  int64_t tokens = 256;
};

struct Study {
  std::string file, text;  // what was read
  std::string name, about;
  std::vector<Machine> machines;
  std::vector<std::string> model_names;
  std::vector<std::shared_ptr<const cli::Model>> models;
  std::vector<Phase> phases;
  // The machine first, then parameters, then model, phase, batch, context: a
  // grid's last axis runs fastest, and a machine is made anew for parameters.
  std::vector<Axis> axes;
  DesignKind design = DesignKind::kGrid;
  uint64_t points = 0;  // of a design that is no grid
  uint64_t seed = 0;
  double timeout_s = 0;  // 0: none
  double memory_gb = 0;  // 0: no limit
  Formulas formulas;
  std::vector<Objective> objectives;
  Refine refine;

  size_t measures() const {
    return refine.kl ? std::size(kMeasures) : kTimingMeasures;
  }
  static constexpr size_t machine_axis() { return 0; }
  size_t model_axis() const { return axes.size() - 4; }
  size_t phase_axis() const { return axes.size() - 3; }
  size_t batch_axis() const { return axes.size() - 2; }
  size_t context_axis() const { return axes.size() - 1; }
};

// Reads a study and everything it names. Errors are located in `file`:
// "file:line: key: what is wrong and what is allowed".
Result<Study> ParseStudy(std::string_view text, std::string_view file);
Result<Study> LoadStudy(const std::string& path);

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_STUDY_H_
