// Closed forms for plans: transfers over the NoC by one core, with nobody in
// its way. network/ runs transfers, and is what these are held to.
//
// The torus has one direction in each dimension, and responses go the same
// way: a round trip between tiles in different rows and columns passes every
// router of one row and one column once, wherever the two tiles are. Latency
// is then `endpoint + hop * ring`, and the rest is the slower of issuing and
// streaming.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NOC_H_
#define TRIPTYCH_EMULATORS_MESH_NOC_H_

#include <cstdint>
#include <string_view>

#include "emulators/mesh/params.h"
#include "emulators/target.h"

namespace triptych::mesh {

// Cycles until a message from one tile is acknowledged by another. `axis`:
// they share a row or a column.
double RoundTrip(const Params& params, bool axis);

// One core reads `pages` pages of `page_bytes`, interleaved over the DRAM
// banks, and waits for the last.
double ReadPagesCycles(const Params& params, double pages, double page_bytes);

// One core sends `bytes` to a row or column of cores that are ready for them.
double MulticastCycles(const Params& params, double bytes);

// A positive whole number in `spec`.
Result<int64_t> WholeNumber(const OpSpec& spec, std::string_view key);
// Its text; "" if it is not there.
std::string_view TextOf(const OpSpec& spec, std::string_view key);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NOC_H_
