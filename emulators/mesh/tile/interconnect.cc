// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/tile/interconnect.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/tile/abi.h"

namespace triptych::mesh::tile {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

// What a program itself takes of a measured round trip: the load of a barrier
// that has passed (latency of a NoC register: ISA BabyRISCV), and a cycle.
constexpr double kBarrierCycles = 8;

double FromEnds(const Params& p) {
  return std::max(0.0, p.noc_endpoint_cycles - 4 * p.noc_interface_cycles);
}

MachineConfig ConfigOf(const Params& p, const EndpointCycles& ends) {
  MachineConfig config = MachineConfigOf(p);
  const double elsewhere = ends.to_network + ends.to_tile + kBarrierCycles;
  // The other tile says what is there once it has run up to the request, and
  // what it says is here to_network later. No response may be back before.
  const double soonest =
      ends.to_network + ends.to_tile + 1 - 2 * p.noc_interface_cycles;
  config.l1_access = std::max({0.0, soonest, config.l1_access - elsewhere});
  config.dram_access = std::max(0.0, config.dram_access - elsewhere);
  return config;
}

Place First(uint32_t xy) {
  return {static_cast<int32_t>(xy & 0xff),
          static_cast<int32_t>(xy >> 8 & 0xff)};
}
Place Last(uint32_t xy) { return First(xy >> 16); }

}  // namespace

// A quarter at either end, half at the memory: how the measured sum divides
// is not known, and shows only in how long a one-way message takes.
EndpointCycles EndpointsOf(const Params& p) {
  const double quarter = std::max(1.0, std::floor(FromEnds(p) / 4));
  return {.to_network = quarter, .to_tile = quarter};
}

Interconnect::Interconnect(const Params& params, const Floorplan& plan,
                           std::span<const std::unique_ptr<Tile>> tiles,
                           Dram* dram)
    : plan_(plan),
      tiles_(tiles),
      dram_(dram),
      ends_(EndpointsOf(params)),
      machine_(ConfigOf(params, ends_)) {}

void Interconnect::Send(std::vector<NocCommand> commands) {
  for (NocCommand& command : commands) {
    const double when = static_cast<double>(command.cycle) + ends_.to_network;
    ++transfers_;
    machine_.queue().At(when,
                        [this, command = std::make_shared<const NocCommand>(
                                   std::move(command))] { Start(*command); });
  }
}

double Interconnect::RunUntil(double limit) {
  EventQueue& queue = machine_.queue();
  while (queue.next() < limit) {
    earliest_effect_ = kForever;
    queue.Step();
    limit = std::min(limit, earliest_effect_ + ends_.to_network);
  }
  return limit;
}

void Interconnect::TakePosts(std::vector<uint64_t>* next) {
  for (const auto& [tile, cycle] : posts_) {
    (*next)[tile] = std::min((*next)[tile], cycle);
  }
  posts_.clear();
}

void Interconnect::PostToTile(size_t tile, riscv::RemoteWrite write) {
  const double effect = std::ceil(machine_.queue().now() + ends_.to_tile);
  earliest_effect_ = std::min(earliest_effect_, effect);
  write.cycle = static_cast<uint64_t>(effect);
  posts_.emplace_back(tile, write.cycle);
  tiles_[tile]->group().Post(std::move(write));
}

void Interconnect::Start(const NocCommand& command) {
  if (command.reads()) {
    StartRead(command);
  } else if (command.has(TILE_NOC_MULTICAST)) {
    StartMulticast(command);
  } else {
    StartWrite(command);
  }
}

// The issuing tile learns that it is done. The command is without its data.
void Interconnect::Complete(const NocCommand& c, riscv::RemoteWrite write) {
  if (!c.reads() && c.has(TILE_NOC_POSTED)) return;
  Tile* const tile = tiles_[c.tile].get();
  const auto cycle =
      static_cast<uint64_t>(std::ceil(machine_.queue().now() + ends_.to_tile));
  write.then = [tile, cycle, c] {
    tile->niu(c.noc).Complete(c, cycle, &tile->group());
  };
  write.tag = TagOf(c.tile, c.core, Way::kNocRead);
  write.sent = c.cycle;
  PostToTile(c.tile, std::move(write));
}

void Interconnect::StartRead(const NocCommand& c) {
  const Place place = First(c.xy);
  const std::optional<size_t> bank = plan_.BankAt(place);
  const std::optional<size_t> from = plan_.TileAt(place);
  const Place core = plan_.PlaceOf(c.tile);
  const bool carried = !c.has(TILE_NOC_BULK) || !tiles_[c.tile]->timing_only();
  const auto data = std::make_shared<std::vector<std::byte>>();
  Machine::Done there;
  if (bank) {
    dram_read_ += c.length;
    there = [this, data, carried, bank = *bank, remote = c.remote,
             length = c.length] {
      if (!carried) return;
      data->resize(length);
      dram_->Read(bank, remote, *data);
    };
  } else if (carried) {
    // What is there when the request gets to it: that tile says then.
    there = [this, data, from = *from, remote = c.remote, length = c.length] {
      const auto l1 = tiles_[from]->l1();
      PostToTile(from, {.then = [l1, data, remote, length] {
                   data->assign(l1->data() + remote,
                                l1->data() + remote + length);
                 }});
    };
  }
  NocCommand brief = c;
  brief.data.clear();
  machine_.Read(
      c.noc, core, place, c.length,
      [this, brief = std::move(brief), data, carried] {
        riscv::RemoteWrite write;
        if (carried) {
          TRIPTYCH_CHECK(data->size() == brief.length, "bytes", data->size());
          write.ram = tiles_[brief.tile]->l1();
          write.offset = brief.local;
          write.bytes = std::move(*data);
        }
        Complete(brief, std::move(write));
      },
      std::move(there));
}

void Interconnect::Deliver(const NocCommand& c, size_t tile,
                           const Payload& data) {
  if (data->empty()) return;
  PostToTile(tile, {.ram = tiles_[tile]->l1(),
                    .offset = c.remote,
                    .bytes = *data,
                    .adds = c.op() == TILE_NOC_INCREMENT,
                    .tag = TagOf(c.tile, c.core, Way::kNocMessage),
                    .sent = c.cycle});
}

std::shared_ptr<Interconnect::Arrival> Interconnect::Queue(
    const NocCommand& c, std::function<void()> deliver) {
  auto arrival = std::make_shared<Arrival>();
  arrival->deliver = std::move(deliver);
  flows_[{c.noc, c.tile, c.xy}].push_back(arrival);
  return arrival;
}

void Interconnect::Arrived(const NocCommand& c, Arrival* arrival) {
  arrival->there = true;
  Flow& flow = flows_[{c.noc, c.tile, c.xy}];
  while (!flow.empty() && flow.front()->there) {
    flow.front()->deliver();
    flow.pop_front();
  }
}

void Interconnect::StartWrite(const NocCommand& c) {
  const Place place = First(c.xy);
  const std::optional<size_t> bank = plan_.BankAt(place);
  const auto data = std::make_shared<std::vector<std::byte>>(c.data);
  const auto brief = std::make_shared<NocCommand>(c);
  brief->data.clear();
  const Place core = plan_.PlaceOf(c.tile);
  const MachineConfig& config = machine_.config();
  const double back = (bank ? config.dram_access : config.l1_access) +
                      machine_.torus().HeadCycles(c.noc, place, core);
  // Acknowledged when it has been delivered, which may be after it got there.
  const auto arrival = Queue(c, [this, brief, bank, place, data, back] {
    EventQueue& queue = machine_.queue();
    queue.At(queue.now() + back, [this, brief] { Complete(*brief, {}); });
    if (bank) {
      dram_written_ += brief->length;
      if (!data->empty()) dram_->Write(*bank, brief->remote, *data);
    } else {
      Deliver(*brief, *plan_.TileAt(place), data);
    }
  });
  Machine::Done there = [this, brief, arrival] {
    Arrived(*brief, arrival.get());
  };
  if (bank || c.op() == TILE_NOC_WRITE) {
    machine_.Write(c.noc, core, place, c.length, {}, std::move(there));
    return;
  }
  // Two flits, which like requests of reads meet no traffic.
  const double out =
      machine_.torus().HeadCycles(c.noc, core, place) + config.Flits(c.length);
  machine_.queue().At(machine_.queue().now() + out, std::move(there));
}

void Interconnect::StartMulticast(const NocCommand& c) {
  const Place first = First(c.xy), last = Last(c.xy);
  std::vector<Place> places;
  std::vector<size_t> receivers;
  for (int32_t y = first.y; y <= last.y; ++y) {
    for (int32_t x = first.x; x <= last.x; ++x) {
      const std::optional<size_t> tile = plan_.TileAt({x, y});
      if (!tile || (*tile == c.tile && !c.has(TILE_NOC_SELF))) continue;
      places.push_back({x, y});
      receivers.push_back(*tile);
    }
  }
  const auto data = std::make_shared<std::vector<std::byte>>(c.data);
  const auto brief = std::make_shared<NocCommand>(c);
  brief->data.clear();
  const auto arrival =
      Queue(c, [this, brief, data, receivers = std::move(receivers)] {
        for (const size_t tile : receivers) Deliver(*brief, tile, data);
      });
  machine_.Multicast(
      c.noc, plan_.PlaceOf(c.tile), places, c.length,
      [this, brief] { Complete(*brief, {}); },
      [this, brief, arrival] { Arrived(*brief, arrival.get()); });
}

}  // namespace triptych::mesh::tile
