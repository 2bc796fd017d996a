// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/network/max_min.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "kernels/base/check.h"

namespace triptych::mesh {

MaxMin::MaxMin(std::vector<double> capacity)
    : capacity_(std::move(capacity)), loads_(capacity_.size()) {
  for (const double c : capacity_) TRIPTYCH_CHECK(c > 0, "capacity", c);
}

void MaxMin::Count(std::span<const std::span<const LinkId>> flows) {
  for (const LinkId link : used_) loads_[link].listed = false;
  used_.clear();
  open_.clear();
  rates_.assign(flows.size(), 0);
  for (uint32_t f = 0; f < flows.size(); ++f) {
    open_.push_back(f);
    for (const LinkId link : flows[f]) {
      Load& load = loads_[link];
      if (!load.listed) {
        load = {capacity_[link], 0, true};
        used_.push_back(link);
      }
      ++load.flows;
    }
  }
}

double MaxMin::LeastShare() {
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < used_.size();) {
    Load& load = loads_[used_[i]];
    if (load.flows == 0) {
      // Nobody asks this link again in this round.
      load.listed = false;
      used_[i] = used_.back();
      used_.pop_back();
      continue;
    }
    least = std::min(least, load.left / load.flows);
    ++i;
  }
  return least;
}

std::span<const double> MaxMin::Rates(
    std::span<const std::span<const LinkId>> flows,
    std::span<const double> caps) {
  Count(flows);
  while (!open_.empty()) {
    const double share = LeastShare();
    // Rounding must not leave a link that is at the least out of it, or the
    // loop would make one step per link.
    const double bound = share * (1 + 1e-12);
    // Those that want no more than the least share can have it. If there are
    // none, those on a link that offers no more are bound by it.
    auto settled =
        std::stable_partition(open_.begin(), open_.end(),
                              [&](uint32_t f) { return caps[f] > bound; });
    if (settled == open_.end()) {
      settled =
          std::stable_partition(open_.begin(), open_.end(), [&](uint32_t f) {
            return std::ranges::none_of(flows[f], [&](LinkId link) {
              return loads_[link].left <= bound * loads_[link].flows;
            });
          });
    }
    for (auto f = settled; f != open_.end(); ++f) {
      rates_[*f] = std::min(share, caps[*f]);
      for (const LinkId link : flows[*f]) {
        loads_[link].left = std::max(0.0, loads_[link].left - rates_[*f]);
        --loads_[link].flows;
      }
    }
    open_.erase(settled, open_.end());
  }
  return rates_;
}

}  // namespace triptych::mesh
