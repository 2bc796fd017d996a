// The parameters of a tiled RISC-V mesh: a grid of worker tiles on a torus
// NoC with DRAM at its edges. Cycles are of the one clock that tiles and NoC
// share. README.md says how far each number is to be trusted.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_PARAMS_H_
#define TRIPTYCH_EMULATORS_MESH_PARAMS_H_

#include <cstdint>
#include <string>

#include "emulators/target.h"
#include "kernels/base/units.h"

namespace triptych::mesh {

// Ways in which chips are divided, each a product of numbers of chips.
struct Ways {
  int64_t tensor = 1, sequence = 1, stages = 1;
  // Of the tensor chips, those that divide the columns of the residual
  // stream; 0: all of them, gathered before a product.
  int64_t stream = 0;
  // Those that hold the same columns of the stream.
  int64_t others() const { return stream > 0 ? tensor / stream : 1; }
};

struct Params {
  // ---- Number formats and arithmetic ----
  std::string weights = "bfp8", activations = "bf16", cache = "bfp8";
  std::string dst = "bf16";
  int64_t tile_rows = 32;
  std::string fidelity = "hifi2";
  // Of the products of feed-forward networks; "same" is that of all others.
  std::string mlp_weights = "same", mlp_fidelity = "same";

  // ---- The grid ----
  int64_t grid_cols = 8, grid_rows = 8;
  Hertz clock{1e9};
  double launch_cycles = 0;
  double gap_cycles = 0, operator_us = 0;
  std::string dispatch = "traced";

  // ---- One tile ----
  std::string generation = "blackhole";
  int64_t l1_bytes = 1, l1_reserved_bytes = 0;
  double fpu_macs_per_cycle = 2048;
  double fpu_phase_cycles = 0, fpu_reload_cycles = 0;
  int64_t dst_tiles = 8;
  double unpack_bytes_per_cycle = 64;
  double unpack_tile_cycles = 0, unpack_reload_cycles = 0;
  double pack_bytes_per_cycle = 64, pack_tile_cycles = 0;
  double sfpu_lanes = 32;

  // ---- The NoC ----
  int64_t noc_cols = 1, noc_rows = 1;
  double noc_hop_cycles = 9, noc_endpoint_cycles = 0;
  double noc_bytes_per_cycle = 32, noc_link_bytes_per_cycle = 32;
  int64_t noc_flit_bytes = 32, noc_packet_bytes = 8192;
  int64_t noc_channels = 2;
  double noc_interface_cycles = 5, noc_buffer_flits = 10;
  double noc_reserve_hop_cycles = 0;
  double noc_read_issue_cycles = 0, noc_write_issue_cycles = 0;
  double noc_stateful_read_cycles = 0, noc_stateful_write_cycles = 0;
  double noc_scatter_issue_cycles = 0;
  double noc_multicast_bytes_per_cycle = 32, noc_handshake_cycles = 0;

  // ---- DRAM ----
  int64_t dram_banks = 1, dram_readers_per_bank = 1;
  double dram_capacity_gib = 1, dram_gb_per_s = 1, dram_efficiency = 1;
  double dram_write_efficiency = 1;
  double dram_latency_cycles = 0, dram_issue_cycles = 0;
  double dram_bank_bytes_per_cycle = 24, dram_bank_issue_cycles = 0;
  double dram_request_cycles = 0;
  int64_t dram_burst_bytes = 0;
  int64_t dram_left_col = 0, dram_right_col = 0;

  // ---- Several chips, and Ethernet between them ----
  int64_t chips_cols = 1, chips_rows = 1, chips_links = 1;
  std::string chips_topology = "line";
  int64_t parallel_sequence = 1, parallel_pipeline = 1, parallel_expert = 1;
  int64_t parallel_stream = 0;
  double fabric_ethernet_gb_per_s = 0;
  double fabric_hop_ns = 0, fabric_atomic_ns = 0, fabric_packet_ns = 0;
  double fabric_atomic_packet_ns = 0, fabric_multicast_atomic_ns = 0;
  double fabric_exchange_ns = 0;

  // ---- Programs that were recorded with the profiler on ----
  double trace_first_read_cycles = 0, trace_read_cycles = 0;
  double trace_shard_read_cycles = 0, trace_new_tile_cycles = 0;
  double trace_barrier_cycles = 0, trace_skew_cycles = 0;

  // ---- The scheduler ----
  int64_t min_k_block = 6;
  int64_t cores_per_head = 16;
  double decode_tile_cycles = 0;
  std::string resident = "none";

  // ---- Power ----
  double power_limit_w = 0, power_window_ms = 0;

  // ---- Energy ----
  double energy_mac_phase_pj = 0, energy_sfpu_op_pj = 0;
  double energy_l1_byte_pj = 0, energy_noc_byte_pj = 0;
  double energy_dram_byte_pj = 0;
  double static_w = 0;

  HostParams host;
  double host_token_us = 0, host_sampler_ops = 0;

  template <class Self, class V>
  static void Visit(Self& p, V&& v) {
    v("formats.weights", p.weights, {"bf16", "bfp8", "bfp4"},
      "format of weights in DRAM and L1");
    v("formats.activations", p.activations, {"bf16", "bfp8"},
      "format of activations between operators");
    v("formats.cache", p.cache, {"bf16", "bfp8"},
      "format of cached keys and values");
    v("formats.dst", p.dst, {"bf16", "f32"},
      "format of sums in the Dst registers; f32 halves their number");
    v("fpu.fidelity", p.fidelity, {"lofi", "hifi2", "hifi3", "hifi4"},
      "multiplier passes over each product, 1 to 4");
    v("formats.tile_rows", p.tile_rows, 8, 32,
      "rows of a tile of activations; the matrix unit takes 8 at a time");
    v("formats.mlp_weights", p.mlp_weights, {"same", "bf16", "bfp8", "bfp4"},
      "format of the weights of feed-forward networks and experts");
    v("fpu.mlp_fidelity", p.mlp_fidelity,
      {"same", "lofi", "hifi2", "hifi3", "hifi4"},
      "multiplier passes over their products");
    v("grid.cols", p.grid_cols, 1, 64, "columns of worker tiles in use");
    v("grid.rows", p.grid_rows, 1, 64, "rows of worker tiles in use");
    v("clock_hz", p.clock, 1e8, 4e9, "clock of tiles and NoC");
    v("launch_cycles", p.launch_cycles, 0, 1e6,
      "from go to the first instruction of an operator's kernels, and back");
    v("dispatch.kind", p.dispatch, {"traced", "fused", "persistent"},
      "one program an operator, from a recorded trace; the same, but vector "
      "operators run in the program before theirs, and products of one input "
      "are one; or one program for all of a graph, whose cores only wait for "
      "each other between operators");
    v("dispatch.gap_cycles", p.gap_cycles, 0, 1e6,
      "from one traced operator's end to the next one's go");
    v("dispatch.operator_us", p.operator_us, 0, 1e4,
      "more of it in a graph of unlike operators: other kernels and "
      "arguments, shards moved to where the next one reads them");
    v("tile.generation", p.generation, {"wormhole", "blackhole"},
      "cores, memory map and floor plan that programs on tiles find");
    v("l1.bytes", p.l1_bytes, 65536, 1 << 26, "L1 of one tile");
    v("l1.reserved_bytes", p.l1_reserved_bytes, 0, 1 << 24,
      "of it, firmware, kernels and stacks");
    v("fpu.macs_per_cycle", p.fpu_macs_per_cycle, 1, 1e6,
      "multiply-adds a cycle of one tile in one fidelity pass");
    v("fpu.phase_cycles", p.fpu_phase_cycles, 0, 100,
      "lost per tile product and fidelity pass");
    v("fpu.reload_cycles", p.fpu_reload_cycles, 0, 1000,
      "to bring one tile of partial sums back into Dst");
    v("fpu.dst_tiles", p.dst_tiles, 1, 64,
      "bf16 tiles that one half of Dst holds");
    v("unpack.bytes_per_cycle", p.unpack_bytes_per_cycle, 1, 1024,
      "L1 to source registers, both unpackers together");
    v("unpack.tile_cycles", p.unpack_tile_cycles, 0, 100,
      "set-up per unpacked tile");
    v("unpack.reload_cycles", p.unpack_reload_cycles, 0, 1000,
      "switching to partial sums and back, per tile of them");
    v("pack.bytes_per_cycle", p.pack_bytes_per_cycle, 1, 1024,
      "Dst to L1, all packers together");
    v("pack.tile_cycles", p.pack_tile_cycles, 0, 100, "set-up per packed tile");
    v("sfpu.lanes", p.sfpu_lanes, 1, 1024,
      "32-bit lanes of the vector unit; one operation a cycle each");
    v("noc.cols", p.noc_cols, 1, 64, "routers in a row of the torus");
    v("noc.rows", p.noc_rows, 1, 64, "routers in a column of the torus");
    v("noc.hop_cycles", p.noc_hop_cycles, 0, 100, "router to router");
    v("noc.endpoint_cycles", p.noc_endpoint_cycles, 0, 1000,
      "of a round trip, outside the routers: issue, both NIUs, L1, barrier");
    v("noc.bytes_per_cycle", p.noc_bytes_per_cycle, 1, 1024,
      "what one tile takes or gives over one NoC, reads, sustained");
    v("noc.link_bytes_per_cycle", p.noc_link_bytes_per_cycle, 1, 1024,
      "one link, sustained, headers included");
    v("noc.flit_bytes", p.noc_flit_bytes, 1, 1024, "width of a link");
    v("noc.packet_bytes", p.noc_packet_bytes, 64, 1 << 20,
      "most data of one packet; a header flit comes before");
    v("noc.channels", p.noc_channels, 1, 16,
      "virtual channels that one class of packets has on a link");
    v("noc.interface_cycles", p.noc_interface_cycles, 0, 100,
      "tile's interface to its router, and back");
    v("noc.buffer_flits", p.noc_buffer_flits, 1, 1e4,
      "flits of a packet per router on its way when its head waits");
    v("noc.reserve_hop_cycles", p.noc_reserve_hop_cycles, 0, 1000,
      "reserving a multicast's way, per router of the rings around it");
    v("noc.read_issue_cycles", p.noc_read_issue_cycles, 0, 1000,
      "between reads that one core issues");
    v("noc.write_issue_cycles", p.noc_write_issue_cycles, 0, 1000,
      "between writes to one destination");
    v("noc.stateful_read_cycles", p.noc_stateful_read_cycles, 0, 1000,
      "between reads whose command registers were set before");
    v("noc.stateful_write_cycles", p.noc_stateful_write_cycles, 0, 1000,
      "between writes whose command registers were set before");
    v("noc.scatter_issue_cycles", p.noc_scatter_issue_cycles, 0, 1000,
      "between writes to changing destinations");
    v("noc.multicast_bytes_per_cycle", p.noc_multicast_bytes_per_cycle, 1,
      1024, "linked multicast along a row or column, sustained");
    v("noc.handshake_cycles", p.noc_handshake_cycles, 0, 10000,
      "receivers ready, path reserved, valid flag: per multicast block");
    v("dram.banks", p.dram_banks, 1, 64, "independent channels");
    v("dram.readers_per_bank", p.dram_readers_per_bank, 1, 16,
      "cores that stream weights from one bank in a skinny product");
    v("dram.capacity_gib", p.dram_capacity_gib, 0.01, 4096, "of the chip");
    v("dram.gb_per_s", p.dram_gb_per_s, 1, 1e5, "peak of the chip");
    v("dram.efficiency", p.dram_efficiency, 0.05, 1, "sustained / peak");
    v("dram.write_efficiency", p.dram_write_efficiency, 0.05, 1,
      "sustained / peak when all cores write blocks of results");
    v("dram.latency_cycles", p.dram_latency_cycles, 0, 1e5,
      "one read, from issue to barrier");
    v("dram.issue_cycles", p.dram_issue_cycles, 0, 1000,
      "between interleaved page reads of one core, address computed");
    v("dram.bank_bytes_per_cycle", p.dram_bank_bytes_per_cycle, 1, 1024,
      "one bank through one NIU");
    v("dram.bank_issue_cycles", p.dram_bank_issue_cycles, 0, 1000,
      "between reads of one bank by one core");
    v("dram.request_cycles", p.dram_request_cycles, 0, 1000,
      "between reads that one interface of a bank takes");
    v("dram.burst_bytes", p.dram_burst_bytes, 0, 1 << 20,
      "of a read, that a bank is asked for at once, the next when they are "
      "there; 0: all");
    v("dram.left_col", p.dram_left_col, 0, 63,
      "column of the torus with half of the DRAM banks");
    v("dram.right_col", p.dram_right_col, 0, 63,
      "column of the torus with the others");
    v("chips.cols", p.chips_cols, 1, 64, "columns of the mesh of chips");
    v("chips.rows", p.chips_rows, 1, 64, "rows of the mesh of chips");
    v("chips.links", p.chips_links, 1, 16,
      "Ethernet links between two neighbours");
    v("chips.topology", p.chips_topology, {"line", "ring"},
      "whether the ends of its rows and columns are joined");
    v("parallel.sequence", p.parallel_sequence, 1, 4096,
      "chips that divide the rows of a long sequence");
    v("parallel.pipeline", p.parallel_pipeline, 1, 4096,
      "stages that layers are divided among, one after the other");
    v("parallel.expert", p.parallel_expert, 1, 4096,
      "groups of a stage's chips that experts are divided among; in a group, "
      "and everything else over the chips that are left, columns are divided");
    v("parallel.stream", p.parallel_stream, 0, 4096,
      "of the chips that divide columns, those that divide the residual "
      "stream's, the others holding the same; 0: all, gathered before a "
      "product");
    v("fabric.ethernet_gb_per_s", p.fabric_ethernet_gb_per_s, 0, 1e4,
      "one Ethernet link, one direction");
    v("fabric.hop_ns", p.fabric_hop_ns, 0, 1e6,
      "one hop of the smallest packet");
    v("fabric.atomic_ns", p.fabric_atomic_ns, 0, 1e6,
      "an atomic increment that follows a write, in latency");
    v("fabric.packet_ns", p.fabric_packet_ns, 0, 1e6,
      "the router's time per packet; 0: not measured");
    v("fabric.atomic_packet_ns", p.fabric_atomic_packet_ns, 0, 1e6,
      "more of it for a write with an atomic increment");
    v("fabric.multicast_atomic_ns", p.fabric_multicast_atomic_ns, 0, 1e6,
      "the same in a multicast");
    v("fabric.exchange_ns", p.fabric_exchange_ns, 0, 1e6,
      "more of it when a device sends and receives on all its links");
    v("trace.first_read_cycles", p.trace_first_read_cycles, 0, 1e5,
      "a recorded kernel's begin to its first read");
    v("trace.read_cycles", p.trace_read_cycles, 0, 1e5,
      "between recorded reads of interleaved pages; 0: not measured");
    v("trace.shard_read_cycles", p.trace_shard_read_cycles, 0, 1e5,
      "between recorded reads of one tile's shard");
    v("trace.new_tile_cycles", p.trace_new_tile_cycles, 0, 1e5,
      "more of it when the tile is another one");
    v("trace.barrier_cycles", p.trace_barrier_cycles, 0, 1e5,
      "recording a barrier: before it, and after it");
    v("trace.skew_cycles", p.trace_skew_cycles, 0, 1e5,
      "from the first tile's start to the last one's");
    v("schedule.min_k_block", p.min_k_block, 1, 64,
      "tiles of K a step has to have before an output block is split");
    v("schedule.cores_per_head", p.cores_per_head, 1, 4096,
      "most cores that share the keys of one head in decode");
    v("schedule.decode_tile_cycles", p.decode_tile_cycles, 0, 1e5,
      "switching among the small products and passes of streaming decode, per "
      "tile of scores");
    v("schedule.resident", p.resident, {"none", "dense", "ahead"},
      "weights of everything but experts: read as products need them; kept in "
      "L1; or brought there by cores of their own, ahead of products of few "
      "rows");
    v("power.limit_w", p.power_limit_w, 0, 1e4, "of the card; 0: none");
    v("power.window_ms", p.power_window_ms, 0, 1e6,
      "how long it may be exceeded");
    v("energy.mac_phase_pj", p.energy_mac_phase_pj, 0, 1e3,
      "one multiply-add in one fidelity pass, unpacking included");
    v("energy.sfpu_op_pj", p.energy_sfpu_op_pj, 0, 1e3,
      "one 32-bit vector operation");
    v("energy.l1_byte_pj", p.energy_l1_byte_pj, 0, 1e3, "one byte of L1");
    v("energy.noc_byte_pj", p.energy_noc_byte_pj, 0, 1e3,
      "one byte over the NoC, average distance");
    v("energy.dram_byte_pj", p.energy_dram_byte_pj, 0, 1e4, "one byte of DRAM");
    v("energy.static_w", p.static_w, 0, 1e4,
      "power of the card when it waits, W");
    VisitHost(p.host, v);
    v("host.token_us", p.host_token_us, 0, 1e6,
      "of each decode step: inputs to the chip, replay of the trace, the token "
      "back");
    v("host.sampler_ops", p.host_sampler_ops, 0, 1e6,
      "of a sampler on the host, for each logit of each sequence");
  }

  int64_t cores() const { return grid_cols * grid_rows; }
  // Chips; of one pipeline stage; and of those, the ones that divide columns.
  int64_t chips() const { return chips_cols * chips_rows; }
  int64_t stage_chips() const { return chips() / parallel_pipeline; }
  int64_t tensor_ways() const { return stage_chips() / parallel_sequence; }
  Ways ways() const {
    return {tensor_ways(), parallel_sequence, parallel_pipeline,
            parallel_stream};
  }
  // Tiles of activations that hold so many rows.
  int64_t RowTiles(int64_t rows) const { return CeilDiv(rows, tile_rows); }
  // Of a whole tile, what one of activations has.
  double tile_share() const { return static_cast<double>(tile_rows) / 32; }
  bool persistent() const { return dispatch == "persistent"; }
  bool reads_ahead() const { return resident == "ahead"; }
  // From one operator of a graph to the next.
  double between_cycles() const {
    return gap_cycles + operator_us * 1e-6 * clock.value;
  }
  // DRAM bytes a cycle of the whole chip: peak, and sustained.
  double dram_peak() const { return dram_gb_per_s * 1e9 / clock.value; }
  double dram_rate() const { return dram_peak() * dram_efficiency; }
  double dram_write_rate() const { return dram_peak() * dram_write_efficiency; }
  // L1 that circular buffers and shards may use.
  int64_t l1_free() const { return l1_bytes - l1_reserved_bytes; }
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_PARAMS_H_
