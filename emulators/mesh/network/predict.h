// Predictions for the tables of measured NoC, DRAM and Ethernet figures in
// validation/: each row is turned into programs of cores, which run.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NETWORK_PREDICT_H_
#define TRIPTYCH_EMULATORS_MESH_NETWORK_PREDICT_H_

#include "emulators/mesh/params.h"
#include "emulators/target.h"

namespace triptych::mesh {

// A row of noc_latency.csv: op (read, write, unicast_1_to_n,
// multicast_column), memory (l1, dram), path (diagonal, axis), stateful,
// destinations, transactions, loopback, bytes. Predicts cycles, seconds.
// Errors, of this and all below: a column that is missing or has another
// value, "key: what; allowed ...".
Result<Prediction> PredictNocLatency(const Params& params, const OpSpec& spec);

// A row of dram_interleaved_latency.csv: banks, transactions, bytes; one core
// reads pages that follow each other over the banks. cycles, seconds.
Result<Prediction> PredictDramLatency(const Params& params, const OpSpec& spec);

// A row of dram_bandwidth.csv: case, readers_per_bank, page_bytes,
// peak_gb_per_s. gb_per_s, b_per_cycle_per_core, fraction_of_peak_pct.
Result<Prediction> PredictDramBandwidth(const Params& params,
                                        const OpSpec& spec);

// A row of noc_traces.csv: file, relative to table_dir or, where it is not
// there, to $TRIPTYCH_SHARED/validation/mesh (../shared without it). cycles
// from what each core does in order; cycles@recorded_issue_times with the
// times at which the trace says it did.
Result<Prediction> PredictNocTrace(const Params& params, const OpSpec& spec);

// A row of fabric_latency.csv: system, op (write, write_atomic), hops,
// payload_bytes; what a topology costs more is not told apart. ns.
//
// A packet waits for the router's program (hop), is copied from the sender's
// L1 to the Ethernet tile's, and goes over the wire; the increment that
// follows a write is sent after all of it has been written.
Result<Prediction> PredictFabricLatency(const Params& params,
                                        const OpSpec& spec);

// A row of fabric_bandwidth.csv: system, pattern, op (write, write_atomic,
// scatter_write), packet_bytes. gb_per_s_per_link. The router's program is a
// server that takes its time for every packet, of any size that the wire
// carries in less.
Result<Prediction> PredictFabricBandwidth(const Params& params,
                                          const OpSpec& spec);

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NETWORK_PREDICT_H_
