// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/network/flit_network.h"

#include <algorithm>
#include <cmath>

#include "kernels/base/check.h"

namespace triptych::mesh {

FlitNetwork::FlitNetwork(const Torus& torus, const PacketNetworkConfig& config)
    : torus_(torus), config_(config) {}

size_t FlitNetwork::Send(std::vector<Hop> way, int64_t flits, PacketClass cls,
                         int64_t start) {
  TRIPTYCH_CHECK(flits >= 1 && !way.empty() && start >= 0, "flits", flits);
  Packet packet;
  packet.hops.resize(way.size());
  packet.way = std::move(way);
  packet.flits = flits;
  packet.start = start;
  packet.cls = cls;
  packets_.push_back(std::move(packet));
  return packets_.size() - 1;
}

size_t FlitNetwork::ChannelOf(const Packet& packet, const Hop& hop) {
  return 2 * static_cast<size_t>(packet.cls) + (hop.wrapped ? 1 : 0);
}

int64_t FlitNetwork::Delay(const Packet& packet, size_t hop) const {
  const double cycles =
      hop + 1 == packet.way.size()
          ? torus_.cycles().interface
          : packet.way[hop + 1].offset - packet.way[hop].offset;
  return std::llround(cycles);
}

// Flits get to their next hop; a head asks there for a channel.
void FlitNetwork::Arrive(int64_t now) {
  for (size_t id = 0; id < packets_.size(); ++id) {
    Packet& packet = packets_[id];
    if (packet.end >= 0) continue;
    for (size_t hop = 0; hop < packet.hops.size(); ++hop) {
      Passed& passed = packet.hops[hop];
      while (!passed.arrives.empty() && passed.arrives.front() <= now) {
        passed.arrives.pop_front();
        ++passed.there;
      }
      const bool here =
          hop == 0 ? packet.start <= now : packet.hops[hop - 1].there > 0;
      if (here && !passed.asked) {
        passed.asked = true;
        links_[packet.way[hop].link]
            .waiting[ChannelOf(packet, packet.way[hop])]
            .push_back(id);
      }
    }
    if (packet.hops.back().there == packet.flits) {
      // The last flit takes a cycle like every other.
      packet.end = now + 1;
      ++arrived_;
    }
  }
}

void FlitNetwork::Allocate(Link& link) {
  for (size_t channel = 0; channel < link.waiting.size(); ++channel) {
    auto& waiting = link.waiting[channel];
    while (!waiting.empty() && link.busy[channel] < config_.channels) {
      const size_t id = waiting.front();
      waiting.pop_front();
      ++link.busy[channel];
      // The hop that it asked for last is this one.
      Packet& packet = packets_[id];
      size_t hop = packet.hops.size() - 1;
      while (!packet.hops[hop].asked) --hop;
      packet.hops[hop].owns = true;
      link.owners.emplace_back(id, hop);
    }
  }
}

bool FlitNetwork::CanSend(const Packet& packet, size_t hop) const {
  const Passed& passed = packet.hops[hop];
  const int64_t available =
      hop == 0 ? packet.flits : packet.hops[hop - 1].there;
  if (passed.sent >= available) return false;
  if (hop + 1 == packet.hops.size()) return true;
  // A credit stands for a flit under way or in the next router's buffer.
  return static_cast<double>(passed.sent - packet.hops[hop + 1].sent) <
         config_.buffer;
}

void FlitNetwork::Transmit(Link& link, int64_t now) {
  for (size_t i = 0; i < link.owners.size(); ++i) {
    const size_t owner = (link.turn + i) % link.owners.size();
    const auto [id, hop] = link.owners[owner];
    if (!CanSend(packets_[id], hop)) continue;
    Sent(link, owner, now);
    return;
  }
}

void FlitNetwork::Sent(Link& link, size_t owner, int64_t now) {
  const auto [id, hop] = link.owners[owner];
  Packet& packet = packets_[id];
  Passed& passed = packet.hops[hop];
  ++passed.sent;
  passed.arrives.push_back(now + Delay(packet, hop));
  link.turn = owner + 1;
  if (passed.sent < packet.flits) return;
  link.owners.erase(link.owners.begin() + static_cast<std::ptrdiff_t>(owner));
  link.turn = owner;
  --link.busy[ChannelOf(packet, packet.way[hop])];
}

std::vector<int64_t> FlitNetwork::Run() {
  // Far more than all flits one after the other over every hop.
  int64_t bound = 1000;
  for (const Packet& packet : packets_) {
    bound += packet.start + (packet.flits + 20) * std::ssize(packet.way);
  }
  for (int64_t now = 0; arrived_ < packets_.size(); ++now) {
    TRIPTYCH_CHECK(now <= bound, "packets wait for each other at", now);
    Arrive(now);
    for (auto& [id, link] : links_) {
      Allocate(link);
      Transmit(link, now);
    }
  }
  std::vector<int64_t> ends;
  for (const Packet& packet : packets_) ends.push_back(packet.end);
  return ends;
}

}  // namespace triptych::mesh
