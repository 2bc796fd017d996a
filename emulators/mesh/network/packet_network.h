// Packets through two tori, wormhole fashion, in events. A packet's head takes
// one virtual channel of one link after another and waits where none is free,
// holding what it has; its body streams behind it at the max-min share of the
// links that it is on. Rates are worked out anew only when a packet starts,
// gets on or off a link that is full, is held up or goes on, and only of
// packets that share links with it, or with those: size costs nothing, and nor
// does what happens elsewhere.
//
// A packet alone takes Torus::HeadCycles + flits, to the cycle. While a head
// waits, its body moves up into the buffers of the routers behind it, and its
// tail may get off links that others then have (flit_network.h moves every
// flit; a test holds this model to that one).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NETWORK_PACKET_NETWORK_H_
#define TRIPTYCH_EMULATORS_MESH_NETWORK_PACKET_NETWORK_H_

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "emulators/mesh/network/event_queue.h"
#include "emulators/mesh/network/max_min.h"
#include "emulators/mesh/network/torus.h"

namespace triptych::mesh {

// Which virtual channels a packet may use. Packets of different classes never
// wait for each other's channels, only share the links' flits.
enum class PacketClass : uint8_t { kRequest, kResponse, kBroadcast };
inline constexpr int kPacketClasses = 3;

struct PacketNetworkConfig {
  // Virtual channels a class has on a link, each side of the torus' edge.
  int32_t channels = 2;
  // Packets that an interface's server of reads sends at once.
  int32_t servers = 1;
  // Flits that a router holds for one channel, those on their way to it
  // included: at least as many as a link takes cycles.
  double buffer = 16;
  // Flits a cycle: of every link, and of an interface's server of reads.
  double link_rate = 1, respond_rate = 1;
  // The slow twin: whenever something changes all rates are worked out anew.
  bool settle_all = false;
};

// Not thread-safe; one per simulation. The queue outlives it.
class PacketNetwork {
 public:
  using Delivered = std::function<void()>;

  PacketNetwork(const Torus& torus, const PacketNetworkConfig& config,
                EventQueue& queue);
  PacketNetwork(const PacketNetwork&) = delete;
  PacketNetwork& operator=(const PacketNetwork&) = delete;

  // Sends `flits` along `way` (Torus::Route) from now on; `delivered` is
  // called when the last has left it. That last one is there to be sent at
  // `ready` at the earliest, the others evenly before.
  void Send(std::vector<Hop> way, double flits, double ready, PacketClass cls,
            Delivered delivered);
  // Along a tree (Torus::Tree), whose links are taken all at once or not at
  // all: if one has no channel left, it is tried again later, after twice as
  // long every time. The body starts `reserve_cycles` after they are taken.
  // An interface sends one multicast after another.
  void SendTree(std::vector<Hop> tree, double flits, double reserve_cycles,
                Delivered delivered);

  // How often a head had to wait for a channel.
  int64_t waits() const { return waits_; }

 private:
  using PacketId = uint32_t;
  // The head goes on, waits for a channel, or has all: the body drains.
  enum class State : uint8_t { kMoving, kWaiting, kDraining };
  static constexpr PacketId kNobody = ~PacketId{0};
  struct alignas(64) Packet {
    // What rates hang on comes first: for processors' caches.
    std::vector<LinkId> links;   // of the way
    size_t tail = 0, held = 0;   // it is on hops [tail, held)
    double rate = 0;             // flits a cycle from `since` on
    double cap = 1;              // most flits a cycle
    bool active = false;         // its body moves: it has a share of links
    bool seen = false;           // by the Settle() that goes on
    bool changed = false;        // itself, since its next event was posted
    bool full = false;           // what is next: the buffers are
    State state = State::kMoving;
    PacketClass cls = PacketClass::kRequest;
    bool tree = false;
    double since = 0;
    double flits = 0;            // all of them
    double left = 0;             // that have not passed the last hop
    double moved = 0;            // that left the source as its head went on
    double stored = 0;           // and while it waited
    size_t waited_at = 0;        // the hop before which its head last waited
    PacketId behind = kNobody;   // in the turn for a channel: the next one
    uint32_t version = 0;        // of the rate: ends of older ones are void
    std::vector<double> took;    // `moved` when the head took each hop
    std::vector<Hop> way;
    double ready = 0;                 // when the last can be sent
    double reserve = 0, backoff = 0;  // of a tree
    Delivered delivered;
  };
  struct Channel {
    int32_t busy = 0;
    PacketId first = kNobody, last = kNobody;  // that wait for it
  };

  PacketId Add(std::vector<Hop> way, double flits, PacketClass cls,
               Delivered delivered);
  Channel& ChannelOf(PacketClass cls, const Hop& hop);
  int32_t ChannelsOn(LinkId link) const;
  void Wait(PacketId id, Channel& channel);
  PacketId NextWaiting(Channel& channel);
  // The head is before hop `held`: takes a channel of it, or waits.
  void Arrive(PacketId id);
  void Take(PacketId id);
  // The tail leaves hop `tail`.
  void Leave(PacketId id);
  void TryTree(PacketId id);
  // The source's next multicast can begin.
  void NextTree(LinkId inject);
  void Drain(PacketId id);
  void SetActive(PacketId id, bool active);
  void Use(PacketId id, LinkId link);
  void Unuse(PacketId id, LinkId link);
  // Rates of this packet and of those it shares links with have to be worked
  // out anew, once all of this moment has happened.
  void Changed(PacketId id);
  void Touch(LinkId link);
  void Settle();
  // Those whose rates may have changed: connected through links to what did.
  void Collect();
  // Their rates.
  void Share();
  // Flits a cycle of all packets on a link.
  double Load(LinkId link) const;
  bool Full(LinkId link) const;
  bool Shared(LinkId link) const { return user_count_[link] > 1; }
  // It has all that it can take, or most on a full link.
  bool Bound(const Packet& packet) const;
  // Moves its body up to now.
  void Progress(Packet& packet);
  // Flits beyond hop i in the buffers that filled while the head waited.
  double Stored(const Packet& packet, size_t hop) const;
  // The most that those buffers hold.
  double Room(const Packet& packet, size_t hop) const;
  // Flits of it that had passed hop i before its head was at the last, or
  // have by now.
  double Beyond(const Packet& packet, size_t hop) const;
  // Posts what comes of the rate: the tail leaves its next hop, the buffers
  // are full, or the last flit has passed the last hop.
  void PostNext(PacketId id);
  void LeaveTail(PacketId id);
  void Finish(PacketId id);

  const Torus& torus_;
  PacketNetworkConfig config_;
  EventQueue& queue_;
  MaxMin max_min_;
  std::vector<Packet> packets_;
  std::vector<uint32_t> free_;
  std::vector<std::array<Channel, 2 * kPacketClasses>> channels_;
  std::map<LinkId, std::deque<PacketId>> trees_;  // by source, first in turn
  // Active packets, by link; how many; whether it is in dirty_.
  std::vector<std::vector<PacketId>> users_;
  std::vector<uint32_t> user_count_;
  std::vector<uint8_t> is_dirty_;
  std::vector<LinkId> dirty_;
  std::vector<PacketId> changed_packets_, unsettled_, settled_;
  // Of Share(): links with several packets, packet by packet, up to `ends_`.
  std::vector<LinkId> shared_;
  std::vector<size_t> ends_;
  std::vector<std::span<const LinkId>> flows_;
  std::vector<double> caps_;
  int64_t waits_ = 0;
  bool settling_ = false;  // at the end of this moment
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NETWORK_PACKET_NETWORK_H_
