// The table of sections.
// SPDX-License-Identifier: Apache-2.0
#include "tools/report/sections/sections.h"

#include <algorithm>

namespace triptych::report {
namespace {

constexpr Section kSections[] = {
    {"targets", "Side by side",
     "One graph on each machine. Bars carry the validation error of the "
     "preset where a validation file was given.",
     BuildTargets},
    {"operators", "Where the time goes",
     "Time by kind of operator, longest first.", BuildOperators},
    {"roofline", "Roofline",
     "What is reached, under what is attainable: the slope is the memory that "
     "holds the weights, the ceiling the matrix units.",
     BuildRoofline},
    {"units", "What is busy",
     "The part of the time in which each unit works. A unit near 100 % is "
     "what the run waits for; if none is, it waits for latency.",
     BuildUnits},
    {"energy", "Where the energy goes",
     "Energy by action. What is hatched rests on numbers that were assumed, "
     "not published or derived.",
     BuildEnergy},
    {"mesh", "Load of the mesh",
     "How full each link of the network is and how much each tile computes, "
     "if every transfer takes the way of dimension-order routing on one "
     "network. Times do not count contention: a link of more than 100 % would "
     "be what a run waits for.",
     BuildMesh},
    {"error-budget", "Error budget",
     "Where the errors of an analog output come from: variances, which add.",
     BuildErrorBudget},
    {"layers", "Operator by operator",
     "Of one run: what each operator, in all layers, spent its time and energy "
     "on, how far it was from f32 for the inputs that it had, and why.",
     BuildLayers},
    {"timeline", "Timeline",
     "Which unit works when, coloured by the operator it works for.",
     BuildTimeline},
    {"front", "Pareto front",
     "Points of a study by two objectives. No point is better than those on "
     "the front in both.",
     BuildFront},
    {"curves", "Along an axis",
     "Answers of a small study along each of its axes, a line for each choice "
     "of the others.",
     BuildCurves},
    {"sensitivity", "Sensitivity",
     "What moves the objectives, and what binds where.", BuildSensitivity},
    {"validation", "Predicted against measured",
     "Each point is a measured value; on the diagonal the prediction is "
     "right.",
     BuildValidation},
    {"accuracy", "Accuracy",
     "How far each machine's numbers move the model's predictions.",
     BuildAccuracy},
};

}  // namespace

std::span<const Section> AllSections() { return kSections; }

std::string NameOf(const Material& material, const Machine& machine) {
  const auto is_unique = [&](const auto& name) {
    return 1 ==
           std::ranges::count_if(material.machines, [&](const Machine& other) {
             return name(other) == name(machine);
           });
  };
  const auto label = [](const Machine& m) { return m.label(); };
  const auto with_work = [](const Machine& m) {
    return m.label() + ", " + (m.work.empty() ? m.command : m.work);
  };
  if (is_unique(label)) return label(machine);
  if (is_unique(with_work)) return with_work(machine);
  return machine.label() + ", " + machine.job;
}

}  // namespace triptych::report
