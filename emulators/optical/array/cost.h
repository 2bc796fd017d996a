// How a product is laid over the array, and what that takes.
//
// Output-stationary: a tile keeps rows x cols sums and streams k past them,
// wavelengths x cores terms a cycle, the cores each a part of k. Blocks of
// outputs, of all products of the same kind, are dealt to the tiles. Charges
// add up for `accumulate` cycles, then every sum is converted; what is left
// at the end of k as well. Both operands are modulated anew in every cycle:
// nothing is resident, so a weight costs as much as an activation.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_ARRAY_COST_H_
#define TRIPTYCH_EMULATORS_OPTICAL_ARRAY_COST_H_

#include <cstdint>

#include "emulators/optical/array/params.h"
#include "models/graph.h"

namespace triptych::optical::array {

// `times` products C[m,n] = A[m,k] * B[k,n].
struct Product {
  int64_t m = 1, k = 1, n = 1, times = 1;
  bool weights = false;  // B comes from DRAM, once
};

struct Demand {
  int64_t macs = 0;          // of the graph
  int64_t padding_macs = 0;  // slots that only fill up a block
  int64_t cycles = 0;        // in which light flows
  int64_t samples = 0;       // conversions of one sum
  int64_t sram_bits = 0;     // of weights: into the chip's memory, and out
  int64_t dram_bits = 0;
  int64_t vector_flops = 0;

  Demand& operator+=(const Demand& o);
};

// Terms of k that one conversion covers.
int64_t TermsOfSample(const Params& params);

Demand DemandOf(const Params& params, const Product& product);

// Of a node that the array does (IsNative): matmul, or both products of
// attention. Masked blocks are skipped: the keys that a query sees on average
// stand for all keys.
bool IsNative(const Node& node);
Demand DemandOf(const Params& params, const Graph& graph, const Node& node,
                const Binding& binding);

// Seconds that light flows, and that memory takes; they overlap, for what
// comes next is known.
double ArraySeconds(const Params& params, const Demand& demand);
double DramSeconds(const Params& params, const Demand& demand);

// Joules by where they go, as the steps charge them.
struct Energy {
  double modulator = 0, dac = 0, light = 0, receiver = 0, lane_filter = 0;
  double operands = 0, sram = 0, dram = 0, memory_static = 0;
  double compute() const {
    return modulator + dac + light + receiver + lane_filter;
  }
  double data_movement() const {
    return operands + sram + dram + memory_static;
  }
  double total() const { return compute() + data_movement(); }
};
Energy EnergyOf(const Params& params, const Demand& demand);

}  // namespace triptych::optical::array

#endif  // TRIPTYCH_EMULATORS_OPTICAL_ARRAY_COST_H_
