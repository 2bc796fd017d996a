// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/network/machine.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "kernels/base/check.h"

namespace triptych::mesh {

bool MachineConfig::IsDram(Place place) const {
  return std::ranges::find(dram_columns, place.x) != dram_columns.end();
}

MachineConfig MachineConfigOf(const Params& p) {
  MachineConfig config;
  config.cols = static_cast<int32_t>(p.noc_cols);
  config.rows = static_cast<int32_t>(p.noc_rows);
  config.hops = {p.noc_interface_cycles, p.noc_hop_cycles};
  config.flit_bytes = static_cast<double>(p.noc_flit_bytes);
  config.packet_bytes = p.noc_packet_bytes;
  config.packets.channels = static_cast<int32_t>(p.noc_channels);
  config.packets.buffer = p.noc_buffer_flits;
  config.packets.link_rate = p.noc_link_bytes_per_cycle / config.flit_bytes;
  // Data only: of a longest packet, with its header.
  config.packets.respond_rate =
      p.noc_bytes_per_cycle / config.flit_bytes *
      (1 + config.flit_bytes / static_cast<double>(config.packet_bytes));
  // Of the measured round trips, what two passes of interfaces and a ring of
  // each dimension leave.
  const double interfaces = 4 * p.noc_interface_cycles;
  const double rings =
      p.noc_hop_cycles * static_cast<double>(p.noc_cols + p.noc_rows);
  config.l1_access = std::max(0.0, p.noc_endpoint_cycles - interfaces);
  config.dram_access =
      std::max(0.0, p.dram_latency_cycles - interfaces - rings);
  config.dram_interval = p.dram_request_cycles;
  config.dram_burst = p.dram_burst_bytes;
  config.dram_rate = p.dram_bank_bytes_per_cycle / config.flit_bytes;
  config.bank_rate = std::max(
      config.dram_rate,
      p.dram_rate() / static_cast<double>(p.dram_banks) / config.flit_bytes);
  config.dram_columns = {static_cast<int32_t>(p.dram_left_col),
                         static_cast<int32_t>(p.dram_right_col)};
  config.reserve_hop = p.noc_reserve_hop_cycles;
  return config;
}

double MachineConfig::Flits(double bytes) const {
  return 1 + std::ceil(bytes / flit_bytes);
}

Machine::Machine(const MachineConfig& config)
    : config_(config),
      torus_(config.cols, config.rows, config.hops),
      network_(torus_, config.packets, queue_) {}

void Machine::Read(int noc, Place core, Place memory, int64_t bytes, Done done,
                   Done there) {
  TRIPTYCH_CHECK(bytes >= 1 && bytes <= config_.packet_bytes, "bytes", bytes);
  // A request is one flit and has its own channels: it is not held up.
  const double arrives = queue_.now() + torus_.HeadCycles(noc, core, memory);
  queue_.At(arrives, [this, noc, core, memory, bytes, done = std::move(done),
                      there = std::move(there)]() mutable {
    if (there) there();
    Respond(noc, core, memory, bytes, std::move(done));
  });
}

void Machine::Respond(int noc, Place core, Place memory, int64_t bytes,
                      Done done) {
  const double flits = config_.Flits(static_cast<double>(bytes));
  double begins = queue_.now() + config_.l1_access;
  double ready = begins;
  if (config_.IsDram(memory)) {
    Interface& interface =
        interfaces_[torus_.Link(noc, memory, LinkKind::kRespond)];
    const double taken = std::max(queue_.now(), interface.next);
    interface.next = taken + config_.dram_interval;
    begins = taken + config_.dram_access;
    // The bank works on, whether or not the interface gets its data away.
    double& bank = banks_[torus_.Link(0, memory, LinkKind::kRespond)];
    const double others = std::max(0.0, bank - begins);
    bank = std::max(bank, begins) + flits / config_.bank_rate;
    interface.free =
        std::max(interface.free, begins) + flits / config_.dram_rate;
    ready = std::max(bank, interface.free);
    begins = std::max(begins, ready - flits / config_.dram_rate);
    // Another access for each further burst, but while the bank has others to
    // serve.
    if (config_.dram_burst > 0 && bytes > config_.dram_burst) {
      const auto more =
          static_cast<double>(CeilDiv(bytes, config_.dram_burst) - 1);
      ready += std::max(0.0, more * config_.dram_access - others);
    }
  }
  queue_.At(begins, [this, noc, core, memory, flits, ready,
                     done = std::move(done)]() mutable {
    network_.Send(torus_.Route(noc, memory, core, true), flits, ready,
                  PacketClass::kResponse, std::move(done));
  });
}

void Machine::Write(int noc, Place core, Place memory, int64_t bytes, Done done,
                    Done there) {
  TRIPTYCH_CHECK(bytes >= 1 && bytes <= config_.packet_bytes, "bytes", bytes);
  const double access =
      config_.IsDram(memory) ? config_.dram_access : config_.l1_access;
  const double back = access + torus_.HeadCycles(noc, memory, core);
  network_.Send(
      torus_.Route(noc, core, memory, false),
      config_.Flits(static_cast<double>(bytes)), 0, PacketClass::kRequest,
      [this, back, done = std::move(done), there = std::move(there)]() mutable {
        if (there) there();
        if (done) queue_.At(queue_.now() + back, std::move(done));
      });
}

void Machine::Multicast(int noc, Place core, std::span<const Place> to,
                        int64_t bytes, Done done, Done there) {
  TRIPTYCH_CHECK(bytes >= 1 && bytes <= config_.packet_bytes, "bytes", bytes);
  TRIPTYCH_CHECK(!to.empty(), "receivers", to.size());
  // The longest way around, of which the tree is a part.
  double round = 0, away = 0, links = 0;
  for (const Place& place : to) {
    const double out = torus_.HeadCycles(noc, core, place);
    away = std::max(away, out);
    round = std::max(round, out + torus_.HeadCycles(noc, place, core));
    links = std::max<double>(links, torus_.Distance(noc, core, place) +
                                        torus_.Distance(noc, place, core));
  }
  const double back = round - away;
  network_.SendTree(
      torus_.Tree(noc, core, to), config_.Flits(static_cast<double>(bytes)),
      config_.reserve_hop * links,
      [this, back, done = std::move(done), there = std::move(there)]() mutable {
        if (there) there();
        queue_.At(queue_.now() + back + config_.l1_access, std::move(done));
      });
}

namespace {

// One core at work.
class Core {
 public:
  Core(Machine& machine, const CoreProgram& program)
      : machine_(machine), program_(program) {}

  void Start() {
    const double start = program_.start;
    machine_.queue().At(start, [this] { Next(); });
  }
  double end() const { return end_; }
  bool done() const { return op_ == program_.ops.size() && pending_ == 0; }

 private:
  // Posts the next operation.
  void Next() {
    if (op_ == program_.ops.size()) return;
    const CoreOp& op = program_.ops[op_];
    const double now = machine_.queue().now();
    const double when = op.at >= 0 ? std::max(now, op.at) : now + op.cost;
    machine_.queue().At(when, [this, &op] {
      end_ = std::max(end_, machine_.queue().now());
      if (op.kind == CoreOp::Kind::kBarrier) {
        at_barrier_ = true;
        if (pending_ <= op.under_way) Passed();
      } else {
        Issue(op, op.bytes);
      }
    });
  }

  void Issue(const CoreOp& op, int64_t left) {
    const int64_t bytes = std::min(left, machine_.config().packet_bytes);
    ++pending_;
    const auto done = [this] { Done(); };
    switch (op.kind) {
      case CoreOp::Kind::kRead:
        machine_.Read(program_.noc, program_.core, op.place, bytes, done);
        break;
      case CoreOp::Kind::kWrite:
        machine_.Write(program_.noc, program_.core, op.place, bytes, done);
        break;
      default:
        Multicast(op, bytes, done);
    }
    if (left > bytes) {
      machine_.queue().At(
          machine_.queue().now() + op.packet_cost,
          [this, &op, left, bytes] { Issue(op, left - bytes); });
    } else {
      ++op_;
      Next();
    }
  }

  void Multicast(const CoreOp& op, int64_t bytes, Machine::Done done) {
    std::vector<Place> to;
    for (int32_t y = op.place.y; y <= op.last.y; ++y) {
      for (int32_t x = op.place.x; x <= op.last.x; ++x) to.push_back({x, y});
    }
    machine_.Multicast(program_.noc, program_.core, to, bytes, std::move(done));
  }

  void Done() {
    --pending_;
    end_ = std::max(end_, machine_.queue().now());
    if (at_barrier_ && pending_ <= program_.ops[op_].under_way) Passed();
  }

  void Passed() {
    at_barrier_ = false;
    machine_.queue().At(machine_.queue().now() + program_.barrier_cost, [this] {
      end_ = std::max(end_, machine_.queue().now());
      ++op_;
      Next();
    });
  }

  Machine& machine_;
  const CoreProgram& program_;
  size_t op_ = 0;
  int64_t pending_ = 0;
  bool at_barrier_ = false;
  double end_ = 0;
};

}  // namespace

std::vector<double> RunPrograms(const MachineConfig& config,
                                std::span<const CoreProgram> programs) {
  Machine machine(config);
  std::vector<std::unique_ptr<Core>> cores;
  for (const CoreProgram& program : programs) {
    cores.push_back(std::make_unique<Core>(machine, program));
    cores.back()->Start();
  }
  machine.queue().Run();
  std::vector<double> ends;
  for (const auto& core : cores) {
    // Dimension order and the channels beyond the edge leave no circle to wait
    // in.
    TRIPTYCH_CHECK(core->done(), "transfers wait for each other; core",
                   ends.size());
    ends.push_back(core->end());
  }
  return ends;
}

}  // namespace triptych::mesh
