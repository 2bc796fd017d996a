// The slow twin of packet_network.h: every flit of every packet, cycle by
// cycle, with a router's buffers counted in credits and round-robin between
// the channels of a link. For small grids and short runs: it is what the
// packet model is held to, and nothing else uses it.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NETWORK_FLIT_NETWORK_H_
#define TRIPTYCH_EMULATORS_MESH_NETWORK_FLIT_NETWORK_H_

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "emulators/mesh/network/packet_network.h"
#include "emulators/mesh/network/torus.h"

namespace triptych::mesh {

// Takes channels and buffer (whole flits) of the configuration; links pass one
// flit a cycle. Not thread-safe.
class FlitNetwork {
 public:
  explicit FlitNetwork(const Torus& torus, const PacketNetworkConfig& config);

  // A packet that is at its source at cycle `start`; whole cycles between the
  // hops of its way. Returns its number, from 0.
  size_t Send(std::vector<Hop> way, int64_t flits, PacketClass cls,
              int64_t start);

  // Until all packets are there: when each one's last flit had arrived. Packets
  // that wait for each other for ever are a programmer error.
  std::vector<int64_t> Run();

 private:
  // What of a packet has passed one hop.
  struct Passed {
    int64_t sent = 0;             // flits
    std::deque<int64_t> arrives;  // when those under way get to the next hop
    int64_t there = 0;            // flits that have
    bool asked = false, owns = false;
  };
  struct Packet {
    std::vector<Hop> way;
    std::vector<Passed> hops;
    int64_t flits = 0, start = 0, end = -1;
    PacketClass cls = PacketClass::kRequest;
  };
  struct Link {
    std::array<std::deque<size_t>, 2 * kPacketClasses> waiting;
    std::array<int32_t, 2 * kPacketClasses> busy{};
    // Packets that own a channel, with the hop at which; `turn` is whose flit
    // goes first.
    std::vector<std::pair<size_t, size_t>> owners;
    size_t turn = 0;
  };

  static size_t ChannelOf(const Packet& packet, const Hop& hop);
  int64_t Delay(const Packet& packet, size_t hop) const;
  void Arrive(int64_t now);
  void Allocate(Link& link);
  void Transmit(Link& link, int64_t now);
  bool CanSend(const Packet& packet, size_t hop) const;
  void Sent(Link& link, size_t owner, int64_t now);

  const Torus& torus_;
  PacketNetworkConfig config_;
  std::vector<Packet> packets_;
  std::map<LinkId, Link> links_;
  size_t arrived_ = 0;
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NETWORK_FLIT_NETWORK_H_
