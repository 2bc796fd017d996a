// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/network/packet_network.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "kernels/base/check.h"

namespace triptych::mesh {
namespace {

// Rates this close are the same; a link that has less left is full.
constexpr double kSame = 1e-9;

// A tree that found a channel taken is tried again after a round of a ring,
// then after twice that, up to this many times it.
constexpr double kMostBackoff = 64;

constexpr LinkKind KindOf(LinkId link) {
  return static_cast<LinkKind>(link % kLinkKinds);
}

std::vector<double> Capacities(const Torus& torus,
                               const PacketNetworkConfig& config) {
  std::vector<double> capacity(static_cast<size_t>(torus.links()),
                               config.link_rate);
  for (size_t link = 0; link < capacity.size(); ++link) {
    if (KindOf(static_cast<LinkId>(link)) == LinkKind::kRespond) {
      capacity[link] = config.respond_rate;
    }
  }
  return capacity;
}

}  // namespace

PacketNetwork::PacketNetwork(const Torus& torus,
                             const PacketNetworkConfig& config,
                             EventQueue& queue)
    : torus_(torus),
      config_(config),
      queue_(queue),
      max_min_(Capacities(torus, config)),
      channels_(static_cast<size_t>(torus.links())),
      users_(channels_.size()),
      user_count_(channels_.size()),
      is_dirty_(channels_.size()) {
  TRIPTYCH_CHECK(config.channels >= 1 && config.servers >= 1, "channels",
                 config.channels, "servers", config.servers);
}

PacketNetwork::PacketId PacketNetwork::Add(std::vector<Hop> way, double flits,
                                           PacketClass cls,
                                           Delivered delivered) {
  TRIPTYCH_CHECK(!way.empty() && flits > 0, "flits", flits);
  PacketId id = 0;
  if (free_.empty()) {
    id = static_cast<PacketId>(packets_.size());
    packets_.emplace_back();
  } else {
    id = free_.back();
    free_.pop_back();
  }
  Packet& packet = packets_[id];
  // What the last one with this id had, its vectors' memory excepted.
  const uint32_t version = packet.version + 1;
  std::vector<LinkId> links = std::move(packet.links);
  std::vector<double> took = std::move(packet.took);
  links.clear();
  took.clear();
  packet = {.links = std::move(links), .took = std::move(took)};
  packet.version = version;
  for (const Hop& hop : way) packet.links.push_back(hop.link);
  packet.way = std::move(way);
  packet.flits = packet.left = flits;
  packet.cls = cls;
  packet.delivered = std::move(delivered);
  return id;
}

void PacketNetwork::Send(std::vector<Hop> way, double flits, double ready,
                         PacketClass cls, Delivered delivered) {
  const PacketId id = Add(std::move(way), flits, cls, std::move(delivered));
  packets_[id].ready = ready;
  Arrive(id);
}

void PacketNetwork::SendTree(std::vector<Hop> tree, double flits,
                             double reserve_cycles, Delivered delivered) {
  const PacketId id = Add(std::move(tree), flits, PacketClass::kBroadcast,
                          std::move(delivered));
  packets_[id].reserve = reserve_cycles;
  packets_[id].backoff = torus_.cycles().router * torus_.rows();
  packets_[id].tree = true;
  std::deque<PacketId>& turn = trees_[packets_[id].links.front()];
  turn.push_back(id);
  if (turn.size() == 1) TryTree(id);
}

void PacketNetwork::NextTree(LinkId inject) {
  std::deque<PacketId>& turn = trees_[inject];
  turn.pop_front();
  if (!turn.empty()) TryTree(turn.front());
}

PacketNetwork::Channel& PacketNetwork::ChannelOf(PacketClass cls,
                                                 const Hop& hop) {
  const size_t side = hop.wrapped ? 1 : 0;
  return channels_[hop.link][2 * static_cast<size_t>(cls) + side];
}

int32_t PacketNetwork::ChannelsOn(LinkId link) const {
  return KindOf(link) == LinkKind::kRespond ? config_.servers
                                            : config_.channels;
}

void PacketNetwork::Wait(PacketId id, Channel& channel) {
  packets_[id].behind = kNobody;
  (channel.first == kNobody ? channel.first : packets_[channel.last].behind) =
      id;
  channel.last = id;
}

PacketNetwork::PacketId PacketNetwork::NextWaiting(Channel& channel) {
  const PacketId next = channel.first;
  channel.first = packets_[next].behind;
  return next;
}

void PacketNetwork::Arrive(PacketId id) {
  Packet& packet = packets_[id];
  const Hop& hop = packet.way[packet.held];
  Channel& channel = ChannelOf(packet.cls, hop);
  if (channel.busy < ChannelsOn(hop.link)) {
    ++channel.busy;
    Take(id);
    return;
  }
  ++waits_;
  Wait(id, channel);
  Progress(packet);
  packet.state = State::kWaiting;
  packet.waited_at = packet.held;
  Changed(id);
}

void PacketNetwork::Take(PacketId id) {
  Packet& packet = packets_[id];
  const size_t hop = packet.held++;
  Progress(packet);
  if (hop == 0 || packet.state == State::kWaiting) {
    // What could not be sent while the head waited is there by now.
    packet.cap =
        packet.flits / std::max(packet.flits, packet.ready - queue_.now());
    unsettled_.push_back(id);
  }
  packet.state = State::kMoving;
  packet.took.push_back(packet.moved);
  ++packet.version;
  if (packet.active) {
    Use(id, packet.links[hop]);
  } else {
    SetActive(id, true);
  }
  Changed(id);
  if (packet.held == packet.way.size()) {
    Drain(id);
    return;
  }
  queue_.At(queue_.now() + packet.way[hop + 1].offset - packet.way[hop].offset,
            [this, id] { Arrive(id); });
}

void PacketNetwork::TryTree(PacketId id) {
  Packet& packet = packets_[id];
  const bool free = std::ranges::all_of(packet.way, [&](const Hop& hop) {
    return ChannelOf(packet.cls, hop).busy < ChannelsOn(hop.link);
  });
  if (!free) {
    ++waits_;
    const double wait = packet.backoff;
    packet.backoff = std::min(
        2 * wait, kMostBackoff * torus_.cycles().router * torus_.rows());
    queue_.At(queue_.now() + wait, [this, id] { TryTree(id); });
    return;
  }
  for (const Hop& hop : packet.way) ++ChannelOf(packet.cls, hop).busy;
  packet.held = packet.way.size();
  queue_.At(queue_.now() + packet.reserve, [this, id] {
    // The way to the last leaf counts like flits that come before the body.
    Packet& p = packets_[id];
    const double deepest = p.way.back().offset;
    for (const Hop& hop : p.way) p.took.push_back(hop.offset - deepest);
    p.left += deepest;
    SetActive(id, true);
    Drain(id);
  });
}

void PacketNetwork::Drain(PacketId id) {
  Packet& packet = packets_[id];
  packet.state = State::kDraining;
  packet.since = queue_.now();
  Changed(id);
}

void PacketNetwork::Leave(PacketId id) {
  Packet& packet = packets_[id];
  const bool source = packet.tail == 0;
  const Hop& hop = packet.way[packet.tail++];
  if (packet.active) Unuse(id, hop.link);
  Channel& channel = ChannelOf(packet.cls, hop);
  if (channel.first == kNobody) {
    --channel.busy;
  } else {
    const PacketId next = NextWaiting(channel);
    queue_.At(queue_.now(), [this, next] { Take(next); });
  }
  if (source && packet.tree) NextTree(hop.link);
  Changed(id);
}

void PacketNetwork::SetActive(PacketId id, bool active) {
  Packet& packet = packets_[id];
  if (packet.active == active) return;
  packet.active = active;
  if (active) unsettled_.push_back(id);
  for (size_t i = packet.tail; i < packet.held; ++i) {
    if (active) {
      Use(id, packet.links[i]);
    } else {
      Unuse(id, packet.links[i]);
    }
  }
  if (!active) packet.rate = 0;
  Changed(id);
}

double PacketNetwork::Load(LinkId link) const {
  double load = 0;
  for (const PacketId id : users_[link]) load += packets_[id].rate;
  return load;
}

bool PacketNetwork::Full(LinkId link) const {
  return Load(link) >= max_min_.capacity(link) * (1 - kSame);
}

bool PacketNetwork::Bound(const Packet& packet) const {
  if (packet.rate == packet.cap) return true;
  const auto has_most = [&](PacketId id) {
    return packets_[id].rate <= packet.rate * (1 + kSame);
  };
  for (size_t i = packet.tail; i < packet.held; ++i) {
    const LinkId link = packet.links[i];
    if (Full(link) && std::ranges::all_of(users_[link], has_most)) {
      return true;
    }
  }
  return false;
}

void PacketNetwork::Use(PacketId id, LinkId link) {
  users_[link].push_back(id);
  ++user_count_[link];
  // Where there is room for all as they are nobody has to give way.
  if (Load(link) > max_min_.capacity(link)) Touch(link);
}

void PacketNetwork::Unuse(PacketId id, LinkId link) {
  const bool full = Full(link);
  std::erase(users_[link], id);
  --user_count_[link];
  if (!full) return;  // It kept nobody.
  Touch(link);
  const Packet& packet = packets_[id];
  if (packet.active && !Bound(packet)) unsettled_.push_back(id);
}

void PacketNetwork::Touch(LinkId link) {
  if (is_dirty_[link]) return;
  is_dirty_[link] = true;
  dirty_.push_back(link);
}

void PacketNetwork::Changed(PacketId id) {
  if (!packets_[id].changed) {
    packets_[id].changed = true;
    changed_packets_.push_back(id);
  }
  if (settling_) return;
  settling_ = true;
  queue_.AtEndOfMoment([this] { Settle(); });
}

void PacketNetwork::Collect() {
  settled_.clear();
  const auto see = [this](PacketId id) {
    if (packets_[id].seen || !packets_[id].active) return;
    packets_[id].seen = true;
    settled_.push_back(id);
  };
  if (config_.settle_all) {
    for (PacketId id = 0; id < packets_.size(); ++id) see(id);
  }
  for (const PacketId id : unsettled_) see(id);
  unsettled_.clear();
  size_t links = 0, packets = 0;
  while (links < dirty_.size() || packets < settled_.size()) {
    while (links < dirty_.size()) {
      for (const PacketId id : users_[dirty_[links]]) see(id);
      ++links;
    }
    while (packets < settled_.size()) {
      const Packet& packet = packets_[settled_[packets]];
      for (size_t i = packet.tail; i < packet.held; ++i) {
        if (Shared(packet.links[i])) Touch(packet.links[i]);
      }
      ++packets;
    }
  }
  for (const LinkId link : dirty_) is_dirty_[link] = false;
  dirty_.clear();
  // Sums of rates are taken in this order.
  std::ranges::sort(settled_);
  for (const PacketId id : settled_) packets_[id].seen = false;
}

// Max-min rates are those with which every packet has what it can take, or
// passes a full link on which nobody has more. What changes without touching
// that leaves all rates as they are.
void PacketNetwork::Share() {
  shared_.clear();
  caps_.clear();
  ends_.clear();
  for (const PacketId id : settled_) {
    const Packet& packet = packets_[id];
    double cap = packet.cap;
    for (size_t i = packet.tail; i < packet.held; ++i) {
      const LinkId link = packet.links[i];
      if (Shared(link)) {
        shared_.push_back(link);
      } else {
        cap = std::min(cap, max_min_.capacity(link));
      }
    }
    caps_.push_back(cap);
    ends_.push_back(shared_.size());
  }
  flows_.clear();
  size_t begin = 0;
  for (const size_t end : ends_) {
    flows_.push_back(std::span(shared_).subspan(begin, end - begin));
    begin = end;
  }
  const auto rates = max_min_.Rates(flows_, caps_);
  // Rates that come out the same leave what was posted as it is.
  for (size_t i = 0; i < settled_.size(); ++i) {
    Packet& packet = packets_[settled_[i]];
    if (std::abs(rates[i] - packet.rate) <= kSame * packet.rate) continue;
    Progress(packet);
    packet.rate = rates[i];
    Changed(settled_[i]);
  }
}

void PacketNetwork::Settle() {
  Collect();
  if (!settled_.empty()) Share();
  settling_ = false;
  // Not while going through the list, which this may change.
  std::swap(settled_, changed_packets_);
  changed_packets_.clear();
  for (const PacketId id : settled_) {
    packets_[id].changed = false;
    if (!packets_[id].active) continue;
    Progress(packets_[id]);
    PostNext(id);
  }
}

void PacketNetwork::Progress(Packet& packet) {
  const double moved = packet.rate * (queue_.now() - packet.since);
  packet.since = queue_.now();
  if (!packet.active) return;
  switch (packet.state) {
    case State::kMoving:
      packet.moved += moved;
      break;
    case State::kWaiting:
      packet.stored += moved;
      break;
    case State::kDraining:
      packet.left = std::max(packet.left - moved, 0.0);
  }
}

double PacketNetwork::Room(const Packet& packet, size_t hop) const {
  if (hop >= packet.waited_at) return 0;
  const double spare = config_.buffer - torus_.cycles().router;
  return std::max(spare, 0.0) * static_cast<double>(packet.waited_at - hop);
}

double PacketNetwork::Stored(const Packet& packet, size_t hop) const {
  return std::min(packet.stored, Room(packet, hop));
}

double PacketNetwork::Beyond(const Packet& packet, size_t hop) const {
  return packet.moved - packet.took[hop] + Stored(packet, hop);
}

void PacketNetwork::PostNext(PacketId id) {
  Packet& packet = packets_[id];
  const uint32_t version = ++packet.version;
  const size_t tail = packet.tail;
  double flits = 0;  // that have to move before something comes of it
  packet.full = false;
  if (packet.state == State::kDraining) {
    const bool last = tail + 1 == packet.way.size();
    flits = packet.left - (last ? 0 : Beyond(packet, tail));
  } else {
    flits = packet.flits - Beyond(packet, tail);
    if (packet.state == State::kWaiting) {
      const double room = Room(packet, tail) - packet.stored;
      packet.full = flits > room;
      flits = std::min(flits, room);
    } else if (tail + 1 == packet.held) {
      return;  // It stays where its head is.
    }
  }
  const double when = queue_.now() + std::max(flits, 0.0) / packet.rate;
  // Small enough to need no memory of its own.
  queue_.At(when, [this, id, version] {
    if (packets_[id].version != version) return;
    if (packets_[id].full) {
      Progress(packets_[id]);
      SetActive(id, false);
    } else {
      LeaveTail(id);
    }
  });
}

void PacketNetwork::LeaveTail(PacketId id) {
  Packet& packet = packets_[id];
  Progress(packet);
  if (packet.state == State::kWaiting) {
    Leave(id);
    // All of it is in buffers.
    if (packet.tail == packet.held) SetActive(id, false);
    return;
  }
  if (packet.state == State::kMoving) {
    Leave(id);
    return;
  }
  if (packet.tail + 1 == packet.way.size()) {
    Finish(id);
    return;
  }
  // Hops of one offset are left together.
  const double offset = packet.way[packet.tail].offset;
  while (packet.tail + 1 < packet.way.size() &&
         packet.way[packet.tail].offset == offset) {
    Leave(id);
  }
}

void PacketNetwork::Finish(PacketId id) {
  Leave(id);
  SetActive(id, false);
  Packet& packet = packets_[id];
  ++packet.version;
  Delivered delivered = std::move(packet.delivered);
  queue_.At(queue_.now() + torus_.cycles().interface, std::move(delivered));
  free_.push_back(id);
}

}  // namespace triptych::mesh
