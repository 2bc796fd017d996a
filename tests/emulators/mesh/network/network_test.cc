// Tori, fair shares and packets; the packet model against the flit twin.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "emulators/mesh/network/event_queue.h"
#include "emulators/mesh/network/flit_network.h"
#include "emulators/mesh/network/max_min.h"
#include "emulators/mesh/network/packet_network.h"
#include "emulators/mesh/network/torus.h"
#include "kernels/base/rng.h"

namespace triptych::mesh {
namespace {

constexpr HopCycles kCycles = {5, 9};

TEST_CASE("mesh network: a round trip passes whole rings") {
  const Torus torus(10, 12, kCycles);
  for (int noc = 0; noc < kNocs; ++noc) {
    const Place a = {3, 4}, b = {7, 2}, column = {3, 9};
    CHECK(torus.Distance(noc, a, b) + torus.Distance(noc, b, a) == 10 + 12);
    CHECK(torus.Distance(noc, a, column) + torus.Distance(noc, column, a) ==
          12);
    CHECK(torus.Distance(noc, a, a) == 0);
  }
  // NoC 0 goes right, then down; NoC 1 up, then left.
  CHECK(torus.Distance(0, {1, 1}, {2, 3}) == 3);
  CHECK(torus.Distance(1, {2, 3}, {1, 1}) == 3);
}

TEST_CASE("mesh network: routes turn once and say where they wrap") {
  const Torus torus(4, 3, kCycles);
  const auto way = torus.Route(0, {2, 1}, {1, 0}, false);
  // Interface, three links right (the edge after the second), two down (the
  // edge after the second), interface.
  REQUIRE(way.size() == 7);
  CHECK(way[0].link == torus.Link(0, {2, 1}, LinkKind::kInject));
  CHECK(way[1].link == torus.Link(0, {2, 1}, LinkKind::kX));
  CHECK(way[3].link == torus.Link(0, {0, 1}, LinkKind::kX));
  CHECK_FALSE(way[2].wrapped);
  CHECK(way[3].wrapped);
  CHECK(way[4].link == torus.Link(0, {1, 1}, LinkKind::kY));
  CHECK_FALSE(way[4].wrapped);
  CHECK(way[6].offset == 5 + 5 * 9);
  CHECK(torus.HeadCycles(0, {2, 1}, {1, 0}) == way[6].offset + 5);
  const auto up = torus.Route(1, {2, 1}, {1, 0}, true);
  CHECK(up[0].link == torus.Link(1, {2, 1}, LinkKind::kRespond));
  CHECK(up[2].link == torus.Link(1, {2, 1}, LinkKind::kY));
}

TEST_CASE("mesh network: a tree has each link once") {
  const Torus torus(10, 12, kCycles);
  const std::vector<Place> to = {{4, 2}, {4, 3}, {4, 4}};
  const auto tree = torus.Tree(0, {1, 1}, to);
  // Interface, 3 right, 3 down, 3 interfaces.
  CHECK(tree.size() == 10);
  CHECK(std::ranges::is_sorted(tree, {}, &Hop::offset));
  CHECK(tree.back().link == torus.Link(0, {4, 4}, LinkKind::kEject));
}

TEST_CASE("mesh network: shares are max-min fair and leave nothing over") {
  MaxMin shares({1, 1, 0.5});
  const std::array<LinkId, 2> long_way = {0, 1};
  const std::array<LinkId, 1> first = {0}, second = {1}, slow = {2};
  const std::vector<std::span<const LinkId>> flows = {long_way, first, second,
                                                      second, slow};
  const std::vector<double> caps = {1, 1, 1, 1, 1};
  const auto rates = shares.Rates(flows, caps);
  // Link 1 has three flows; what the long one cannot use is link 0's other's.
  CHECK(rates[0] == doctest::Approx(1.0 / 3));
  CHECK(rates[1] == doctest::Approx(2.0 / 3));
  CHECK(rates[2] == doctest::Approx(1.0 / 3));
  CHECK(rates[4] == doctest::Approx(0.5));
  const std::vector<double> capped = {0.1, 1, 1, 0.2, 1};
  const auto less = shares.Rates(flows, capped);
  CHECK(less[0] == doctest::Approx(0.1));
  CHECK(less[1] == doctest::Approx(0.9));
  CHECK(less[2] == doctest::Approx(0.7));
  CHECK(less[3] == doctest::Approx(0.2));
}

double Alone(const Torus& torus, Place from, Place to, double flits) {
  EventQueue queue;
  PacketNetwork network(torus, {}, queue);
  double end = -1;
  network.Send(torus.Route(0, from, to, false), flits, 0, PacketClass::kRequest,
               [&] { end = queue.now(); });
  queue.Run();
  return end;
}

TEST_CASE("mesh network: a packet alone takes its way and its length") {
  const Torus torus(5, 4, kCycles);
  for (const Place to : {Place{1, 1}, {2, 1}, {3, 3}, {0, 0}}) {
    for (const int64_t flits : {1, 2, 9, 33, 129}) {
      const double expected =
          torus.HeadCycles(0, {1, 1}, to) + static_cast<double>(flits);
      CHECK(Alone(torus, {1, 1}, to, static_cast<double>(flits)) ==
            doctest::Approx(expected));
      FlitNetwork twin(torus, {});
      twin.Send(torus.Route(0, {1, 1}, to, false), flits, PacketClass::kRequest,
                0);
      CHECK(twin.Run().front() == std::llround(expected));
    }
  }
}

TEST_CASE("mesh network: a queue of packets keeps its link busy") {
  const Torus torus(10, 12, kCycles);
  constexpr int kPackets = 50;
  for (const int channels : {1, 2, 4}) {
    for (const double flits : {9.0, 33.0, 129.0}) {
      EventQueue queue;
      PacketNetwork network(torus, {.channels = channels}, queue);
      double end = 0;
      for (int i = 0; i < kPackets; ++i) {
        network.Send(torus.Route(0, {1, 1}, {2, 2}, false), flits, 0,
                     PacketClass::kRequest, [&] { end = queue.now(); });
      }
      queue.Run();
      CHECK(end >= kPackets * flits);
      CHECK(end <= kPackets * flits + 40);
    }
  }
}

TEST_CASE("mesh network: two ways that cross share the crossing only") {
  const Torus torus(5, 4, kCycles);
  EventQueue queue;
  PacketNetwork network(torus, {}, queue);
  std::array<double, 2> ends{};
  // Both pass from router (1, 1) to (2, 1).
  network.Send(torus.Route(0, {0, 1}, {2, 1}, false), 100, 0,
               PacketClass::kRequest, [&] { ends[0] = queue.now(); });
  network.Send(torus.Route(0, {1, 1}, {3, 1}, false), 100, 0,
               PacketClass::kRequest, [&] { ends[1] = queue.now(); });
  queue.Run();
  CHECK(std::max(ends[0], ends[1]) > 200);
  CHECK(std::max(ends[0], ends[1]) < 250);
}

struct Difference {
  double latency = 0, makespan = 0;  // relative, packet model less twin
};

Difference RandomTraffic(uint64_t seed, int packets, uint32_t window) {
  const Torus torus(5, 4, kCycles);
  const PacketNetworkConfig config;
  FlitNetwork twin(torus, config);
  EventQueue queue;
  PacketNetwork network(torus, config, queue);
  Rng rng(seed);
  std::vector<double> ends(static_cast<size_t>(packets));
  double starts = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    const auto place = [&] {
      return Place{static_cast<int32_t>(rng.Below(5)),
                   static_cast<int32_t>(rng.Below(4))};
    };
    const Place from = place(), to = place();
    const std::array<int64_t, 4> sizes = {3, 17, 65, 129};
    const int64_t flits = sizes[rng.Below(4)];
    const int noc = static_cast<int>(rng.Below(2));
    const uint32_t start = rng.Below(window);
    starts += start;
    const auto way = torus.Route(noc, from, to, false);
    twin.Send(way, flits, PacketClass::kRequest, start);
    queue.At(start, [&, way, flits, i] {
      network.Send(way, static_cast<double>(flits), 0, PacketClass::kRequest,
                   [&, i] { ends[i] = queue.now(); });
    });
  }
  const auto exact = twin.Run();
  queue.Run();
  double sum = -starts, exact_sum = -starts, last = 0, exact_last = 0;
  for (size_t i = 0; i < ends.size(); ++i) {
    const auto end = static_cast<double>(exact[i]);
    sum += ends[i];
    exact_sum += end;
    last = std::max(last, ends[i]);
    exact_last = std::max(exact_last, end);
  }
  return {sum / exact_sum - 1, last / exact_last - 1};
}

TEST_CASE("mesh network: random traffic takes as long as flit by flit") {
  // A network that is busy a third of the time, then one that is overrun.
  struct Load {
    int packets;
    uint32_t window;
    double latency, makespan;  // what the model may be off
  };
  for (const Load& load : {Load{40, 1500, 0.02, 0.02},
                           {120, 1500, 0.02, 0.02},
                           {120, 300, 0.10, 0.07}}) {
    Difference worst;
    for (uint64_t seed = 0; seed < 6; ++seed) {
      const Difference d = RandomTraffic(seed, load.packets, load.window);
      worst.latency = std::max(worst.latency, std::abs(d.latency));
      worst.makespan = std::max(worst.makespan, std::abs(d.makespan));
    }
    MESSAGE(load.packets << " packets in " << load.window
                         << " cycles, of 6 runs the worst: mean latency "
                         << 100 * worst.latency << " %, makespan "
                         << 100 * worst.makespan << " %");
    CHECK(worst.latency < load.latency);
    CHECK(worst.makespan < load.makespan);
  }
}

// When each packet of a busy network ends: reads that trickle in from DRAM,
// writes and multicasts, from fractions of cycles.
std::vector<double> MixedTraffic(uint64_t seed, bool settle_all) {
  const Torus torus(6, 5, kCycles);
  EventQueue queue;
  PacketNetwork network(
      torus, {.link_rate = 0.95, .respond_rate = 0.7, .settle_all = settle_all},
      queue);
  Rng rng(seed);
  std::vector<double> ends(150);
  for (size_t i = 0; i < ends.size(); ++i) {
    const auto place = [&] {
      return Place{static_cast<int32_t>(rng.Below(6)),
                   static_cast<int32_t>(rng.Below(5))};
    };
    const Place from = place(), to = place(), also = place();
    const int noc = static_cast<int>(rng.Below(2));
    const double flits = 1 + rng.Below(128);
    const double start = rng.Below(7000) / 7.0;
    const uint32_t kind = rng.Below(3);
    queue.At(start, [&, from, to, also, noc, flits, kind, i] {
      const auto end = [&, i] { ends[i] = queue.now(); };
      if (kind == 0) {
        const std::vector<Place> all = {to, also};
        network.SendTree(torus.Tree(noc, from, all), flits, 40, end);
      } else {
        network.Send(torus.Route(noc, from, to, kind == 1), flits,
                     kind == 1 ? queue.now() + 2 * flits : 0,
                     kind == 1 ? PacketClass::kResponse : PacketClass::kRequest,
                     end);
      }
    });
  }
  queue.Run();
  CHECK(network.waits() > 0);
  return ends;
}

TEST_CASE("mesh network: changes that touch nothing full leave all rates") {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const std::vector<double> all = MixedTraffic(seed, true);
    const std::vector<double> few = MixedTraffic(seed, false);
    for (size_t i = 0; i < all.size(); ++i) {
      CHECK(few[i] > 0);
      CHECK(few[i] == doctest::Approx(all[i]).epsilon(1e-9));
    }
  }
}

TEST_CASE("mesh network: what happens goes by time, then as it was posted") {
  EventQueue queue;
  Rng rng(1);
  struct Entry {
    double when;
    int order;
    auto operator<=>(const Entry&) const = default;
  };
  std::vector<Entry> seen;
  int posted = 0, settled = 0;
  const auto post = [&](double when) {
    const int order = posted++;
    queue.At(when, [&, when, order] {
      CHECK(queue.now() == when);
      seen.push_back({when, order});
      if (order % 50 == 0) {
        queue.AtEndOfMoment([&, when, order] {
          ++settled;
          // All of this moment, and nothing later, has been.
          CHECK(queue.now() == when);
          CHECK(seen.back().when == when);
          CHECK(queue.next() > when);
        });
        CHECK(queue.next() == when);
      }
    });
  };
  for (int i = 0; i < 1000; ++i) post(rng.Below(200) / 3.0);
  for (int i = 0; i < 500; ++i) {
    queue.Step();
    post(queue.now() + rng.Below(60) / 3.0);
  }
  queue.Run();
  CHECK(queue.empty());
  CHECK(seen.size() == static_cast<size_t>(posted));
  CHECK(std::ranges::is_sorted(seen));
  CHECK(settled == posted / 50);
}

TEST_CASE("mesh network: multicasts that meet both get through") {
  const Torus torus(6, 6, kCycles);
  EventQueue queue;
  PacketNetwork network(torus, {.channels = 1}, queue);
  std::vector<double> ends;
  const std::vector<Place> to = {{3, 1}, {3, 2}, {3, 3}};
  for (const Place from : {Place{1, 1}, {2, 1}, {1, 1}}) {
    network.SendTree(torus.Tree(0, from, to), 33, 50,
                     [&] { ends.push_back(queue.now()); });
  }
  queue.Run();
  REQUIRE(ends.size() == 3);
  // Reserve, way and length for the first; nobody sends while another does.
  CHECK(ends[0] == doctest::Approx(50 + 33 + 10 + 9 * 4));
  CHECK(ends[1] > ends[0] + 33);
  CHECK(ends[2] > ends[1] + 33);
  CHECK(network.waits() > 0);
}

}  // namespace
}  // namespace triptych::mesh
