// SPDX-License-Identifier: Apache-2.0
#include "bench/comparison.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "bench/machine.h"
#include "kernels/base/check.h"

namespace triptych::bench {
namespace {

// The bytes that cold operands are spread over.
Bytes ColdBytes() { return 4 * CacheSize(3); }

// Problems to go round over.
size_t Copies(const ProblemWork& work, bool cold) {
  if (!cold) return 1;
  constexpr uint64_t kMost = 4096;  // more take longer to draw than to time
  return std::clamp<uint64_t>(
      CeilDiv(ColdBytes().value, std::max<uint64_t>(work.bytes.value, 1)), 1,
      kMost);
}

// A side that makes the calls one after the other, over and over.
Side InTurn(std::vector<Side> calls) {
  if (calls.size() == 1) return calls[0];
  return [calls = std::move(calls), next = size_t{0}]() mutable {
    calls[next]();
    next = (next + 1) % calls.size();
  };
}

// Our side of a comparison.
class OurSide {
 public:
  OurSide(const Variant& variant, const ProblemShape& shape, size_t copies,
          int threads)
      : threads_(threads) {
    for (size_t i = 0; i < copies; ++i) {
      trials_.push_back(variant.make(shape, i + 1));
    }
  }
  Verdict Check() { return CheckSample(*trials_[0], threads_); }
  Side side() const {
    std::vector<Side> calls;
    for (const std::unique_ptr<Trial>& trial : trials_) {
      calls.push_back([t = trial.get(), n = threads_] { t->Run(n); });
    }
    return InTurn(std::move(calls));
  }

 private:
  std::vector<std::unique_ptr<Trial>> trials_;
  int threads_;
};

// The side of a peer: its own copies of a product.
class PeerSide {
 public:
  // Fails where the peer does; the values are right if it does not.
  static Result<PeerSide> Make(const OpenPeer& peer, const Product& product,
                               size_t copies) {
    PeerSide made;
    for (size_t i = 0; i < copies; ++i) {
      made.products_.push_back(std::make_unique<Product>(product));
      TRIPTYCH_ASSIGN(Side call, peer.library->Prepare(*made.products_.back()));
      made.calls_.push_back(std::move(call));
    }
    made.calls_[0]();
    const Verdict verdict = CheckProduct(*made.products_[0]);
    if (verdict.ok) return made;
    return MakeError(ErrorCode::kCorrupt, "wrong values: " + verdict.detail);
  }
  Side side() const { return InTurn(calls_); }

 private:
  std::vector<std::unique_ptr<Product>> products_;  // calls_ refer to them
  std::vector<Side> calls_;
};

std::vector<Result<PeerSide>> PrepareAll(std::span<const OpenPeer> peers,
                                         const ProblemShape& shape,
                                         size_t copies) {
  std::vector<Result<PeerSide>> sides;
  if (peers.empty()) return sides;
  TRIPTYCH_CHECK(shape.size() == 3, "sizes", shape.size());
  const Product product =
      DrawProduct(shape[0], shape[1], shape[2], peers[0].product.arithmetic, 1);
  for (const OpenPeer& peer : peers) {
    sides.push_back(PeerSide::Make(peer, product, copies));
  }
  return sides;
}

SideTimes TimesOf(const std::vector<double>& times) {
  return {Best(times), Median(times)};
}

}  // namespace

Outcome CompareOn(const Variant& variant, const ListedShape& shape,
                  std::span<const OpenPeer> peers, const Conditions& conditions,
                  Roof& roof) {
  const int threads = conditions.threads;
  const ProblemWork work = variant.work(shape.shape);
  const size_t copies = Copies(work, conditions.cold);
  Outcome outcome = {.shape = shape,
                     .work = work,
                     .ceiling = roof.Over(work, variant.arithmetic, threads,
                                          Bytes(work.bytes.value * copies)),
                     .peers = std::vector<PeerOutcome>(peers.size())};
  OurSide ours(variant, shape.shape, copies, threads);
  if (const Verdict verdict = ours.Check(); !verdict.ok) {
    outcome.problem = "wrong values: " + verdict.detail;
    return outcome;
  }
  const auto prepared = PrepareAll(peers, shape.shape, copies);

  // The first side is ours; the others are the peers that have no problem.
  std::vector<Side> sides = {ours.side()};
  for (size_t p = 0; p < peers.size(); ++p) {
    if (prepared[p]) {
      sides.push_back(prepared[p]->side());
    } else {
      outcome.peers[p].problem = prepared[p].error().message;
    }
  }
  Protocol protocol = conditions.protocol;
  protocol.warm = !conditions.cold;
  const auto times = Interleave(sides, protocol);
  outcome.rounds = times[0].size();
  outcome.times = TimesOf(times[0]);
  outcome.rates = RatesOf(work, outcome.ceiling, outcome.times.best_s);
  size_t side = 1;
  for (PeerOutcome& peer : outcome.peers) {
    if (!peer.problem.empty()) continue;
    peer.times = TimesOf(times[side]);
    peer.ratio = RatioOf(times[0], times[side], protocol.seed);
    ++side;
  }
  return outcome;
}

}  // namespace triptych::bench
