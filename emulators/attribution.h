// Which operator costs the accuracy.
//
// Every operator that the machine does itself is put alone on the machine, the
// rest on the host in f32; and alone on the host, the rest on the machine.
// The first says what it does wrong; the second what would be gained if it
// were exact. Where errors add up the two agree; where they do not, that is
// worth knowing. Noise has the same seed throughout, and an operator's noise
// does not depend on where others run, so differences are paired position by
// position.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_ATTRIBUTION_H_
#define TRIPTYCH_EMULATORS_ATTRIBUTION_H_

#include <cstdint>
#include <string>
#include <vector>

#include "emulators/accuracy.h"
#include "emulators/target.h"
#include "kernels/base/result.h"

namespace triptych {

// A mean over positions and its standard error.
struct MeanError {
  double mean = 0, stderr_of_mean = 0;
};

// Of nodes that were moved together.
struct Attributed {
  std::string name;  // "attn.q" in all layers, or "layers.3.attn.q"
  std::string op;    // "matmul"
  int layer = -1;    // -1: all
  int64_t nodes = 0;
  MeanError alone;  // KL with these alone on the machine, nats a token
  MeanError gain;   // KL of all on the machine, less KL with these on the host
};

struct Attribution {
  MeanError all;                      // KL with all on the machine that it does
  MeanError none;                     // KL with all on the host: what f32 costs
  std::vector<Attributed> operators;  // in all layers, costliest alone first
  std::vector<Attributed> layers;     // of the costliest, likewise
};

struct AttributionOptions {
  uint64_t seed = 0;
  int threads = 1;
  // So many of the costliest operators are looked at layer by layer.
  size_t drill = 1;
};

// Runs the test twice for each operator, and twice for each layer of those
// that are drilled down. Errors: those of compiling and running.
Result<Attribution> Attribute(const AccuracyTest& test, const Weights& weights,
                              const Target& target,
                              const AttributionOptions& options,
                              const TokensDone& tell = {});

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_ATTRIBUTION_H_
