// Max-min fair rates: nobody can be given more without taking from somebody
// who has no more. This is what round-robin arbitration between packets on
// different virtual channels comes to when every link always has something to
// send, and it leaves no capacity unused that somebody could use.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_NETWORK_MAX_MIN_H_
#define TRIPTYCH_EMULATORS_MESH_NETWORK_MAX_MIN_H_

#include <cstdint>
#include <span>
#include <vector>

#include "emulators/mesh/network/torus.h"

namespace triptych::mesh {

// Reusable scratch; not thread-safe.
class MaxMin {
 public:
  // capacity[link] in flits a cycle, all positive.
  explicit MaxMin(std::vector<double> capacity);

  double capacity(LinkId link) const { return capacity_[link]; }

  // The rate of each flow: flows[i] are the links that flow i passes, each
  // once; it takes at most caps[i]. The result is valid until
  // the next call.
  std::span<const double> Rates(std::span<const std::span<const LinkId>> flows,
                                std::span<const double> caps);

 private:
  struct Load {
    double left = 0;
    int32_t flows = 0;  // without a rate yet
    bool listed = false;
  };
  void Count(std::span<const std::span<const LinkId>> flows);
  // The least share that any link still offers.
  double LeastShare();

  std::vector<double> capacity_;
  std::vector<Load> loads_;
  std::vector<LinkId> used_;
  std::vector<double> rates_;
  std::vector<uint32_t> open_;
};

}  // namespace triptych::mesh

#endif  // TRIPTYCH_EMULATORS_MESH_NETWORK_MAX_MIN_H_
