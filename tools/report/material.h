// What reports are made of: the results of commands, as plain structs.
//
// A number that a command did not give is NaN, a text "", a list empty.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_MATERIAL_H_
#define TRIPTYCH_TOOLS_REPORT_MATERIAL_H_

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tools/sweep/results.h"

namespace triptych::report {

inline constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// Costs of the operators of one kind.
struct OpKind {
  std::string op;
  double nodes = 0, seconds = 0, energy_j = 0;
  double matrix_flops = 0, off_chip_bytes = 0;
};

struct ActionEnergy {
  std::string action;
  double joules = 0;
  bool assumed = false;  // the cost of one is
};

struct Roofing {
  double peak_flops_per_s = kUnknown, off_chip_bytes_per_s = kUnknown;
  double flops_per_byte = kUnknown, flops_per_s = kUnknown;
};

// emulators/traffic.h, read back.
struct MeshTraffic {
  size_t columns = 0, rows = 0;
  double link_bytes_per_s = 0, seconds = 0;
  std::vector<double> right, down;  // bytes, a router
  std::vector<double> macs;         // a router; NaN where no tile is
  std::vector<std::string> kinds;   // "tile", "dram", "router"
};

struct ErrorShare {
  std::string name;
  double variance = 0;  // over the mean square of the output
};

// A value that a machine gives of itself.
struct NamedValue {
  std::string name, unit;  // "%" of a fraction
  double value = kUnknown;
};

// An operator in all layers of a run.
struct LayerLine {
  std::string name;
  // By part of the machine's time, s; by action, J; by cause, variance over
  // the mean square of the output.
  std::map<std::string, double> seconds, joules, errors;
  double relative_rms = kUnknown, effective_bits = kUnknown;
  std::string dominant_error;
  std::vector<NamedValue> readings;
};
struct LayerLines {
  std::string phase;
  std::vector<LayerLine> operators;
};

struct TimelineSlice {
  double begin_s = 0, end_s = 0;
  std::string op;
  double busy = 1;
};
struct TimelineUnit {
  std::string unit;
  std::vector<TimelineSlice> slices;
};

// One of the results of run, compare or profile.
struct Machine {
  std::string command, target, preset;
  std::string work;  // "llama-3.1-8b decode"; "" for a generation
  std::string job;   // "llama-3.1-8b decode, batch 1, context 4096"
  std::string text;
  double kl_nats_per_token = kUnknown, top1_agreement = kUnknown;
  std::string accuracy_class;
  double prefill_s = kUnknown;
  double step_s = kUnknown;  // of one decode step, or of what was profiled
  double step_j = kUnknown;
  double assumed_energy_fraction = kUnknown;
  double cycles = kUnknown, utilisation = kUnknown;
  std::string bound;
  double host_wall_s = kUnknown;
  std::vector<OpKind> ops;
  std::map<std::string, double> busy;  // by unit, of the time
  std::vector<ActionEnergy> energy;
  Roofing roofing;
  MeshTraffic traffic;  // columns == 0: there is none
  std::vector<ErrorShare> error_budget;
  std::vector<LayerLines> layers;  // by phase
  std::vector<TimelineUnit> timeline;

  std::string label() const { return target + ":" + preset; }
};

struct ScoredRow {
  std::string preset, keys;
  double measured = kUnknown, predicted = kUnknown, error_pct = kUnknown;
};

// One of the results of validate.
struct Score {
  std::string target, table, measure;
  double mape_pct = kUnknown, median_ape_pct = kUnknown;
  double p90_ape_pct = kUnknown, max_ape_pct = kUnknown;
  std::vector<ScoredRow> rows;
};

// One of the results of accuracy.
struct AccuracyScore {
  std::string target, preset, accuracy_class;
  double nll_nats_per_token = kUnknown, perplexity = kUnknown;
  double kl_nats_per_token = kUnknown, top1_agreement = kUnknown;
  double predictions = 0;
};

// How an objective answers to one axis: its mean at each level.
struct Effect {
  std::string axis;
  std::vector<std::string> levels;
  std::vector<double> means;
};

// The least and the greatest mean of an objective over the levels of an axis.
struct AxisSwing {
  std::string axis, low_level, high_level;
  double low = 0, high = 0;
};

// A share of an objective's variance, with its confidence interval.
struct SobolIndex {
  std::string axis;
  double first = 0, first_error = 0, total = 0, total_error = 0;
};

// What an analysis says of one objective of a study.
struct Sensitivity {
  std::string objective, unit;
  double base = 0;  // its mean
  std::vector<AxisSwing> swings;
  std::vector<Effect> effects;
  std::vector<SobolIndex> indices;
};

// Which unit binds, over two axes.
struct BoundMap {
  std::string column_axis, row_axis;
  std::vector<std::string> columns, rows, bounds;
  std::vector<double> cells;  // row by row: an index of bounds, or NaN
};

struct Study {
  sweep::Results results;
  std::vector<size_t> front;  // points, by the first objective
  size_t knee = SIZE_MAX;     // a point of the front; SIZE_MAX: none
  std::string stability;      // of the front against errors, in a sentence
  std::vector<Sensitivity> sensitivities;
  std::vector<BoundMap> bound_maps;
};

struct Material {
  std::vector<std::string> sources;  // the files
  std::string version;               // of the program that wrote them
  std::vector<Machine> machines;
  std::vector<Score> scores;
  std::vector<AccuracyScore> accuracies;
  std::vector<Study> studies;
};

// The mean absolute error of a preset in one measure, of those rows that
// were scored on it.
struct PresetError {
  std::string measure;
  double mape_pct = 0;
  size_t rows = 0;
};
std::vector<PresetError> ErrorsOf(const Material& material,
                                  const std::string& target,
                                  const std::string& preset);

// Of those, the one that says most about the time of a decode step.
std::optional<PresetError> TimeErrorOf(const Material& material,
                                       const Machine& machine);

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_MATERIAL_H_
