// The ledger: the only way a target reports cost.
//
// A target says what its hardware did (an Action, so many times, on a unit,
// from when to when, for which node); time, energy, bytes and utilisation
// are sums over that. No target computes a total.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_LEDGER_H_
#define TRIPTYCH_EMULATORS_LEDGER_H_

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "kernels/base/units.h"
#include "models/graph.h"

namespace triptych {

enum class ActionId : uint16_t {};
enum class UnitId : uint16_t {};

// How a number is known: printed by whoever made the machine or measured it;
// computed from such numbers; or taken for want of one.
enum class Basis : uint8_t { kPublished, kDerived, kAssumed };
std::string_view BasisName(Basis basis);

enum class ActionClass : uint8_t {
  kMatrix,   // flops of matrix products
  kVector,   // flops of everything else
  kPadding,  // flops on rows and columns that only fill up a tile
  kMove,     // bytes inside the machine
  kOffChip,  // bytes to and from DRAM, host or another chip
  kOther,    // conversions, launches, idle power
};

// Something the hardware does, and what one occurrence costs.
struct Action {
  std::string name;  // "fpu.mac_bf16", "noc.flit_hop", "adc.sample"
  ActionClass kind = ActionClass::kOther;
  Joules energy;  // of one occurrence
  uint64_t flops = 0;
  Bytes bytes;
  Basis basis = Basis::kAssumed;
  std::string source;
};

// A thing that does one piece of work at a time: a matrix engine, a DRAM
// channel, a bank of converters. A group of equal parts that work in lock
// step is one unit. A track of the timeline.
struct Unit {
  std::string name;
};

// `count` occurrences of `action` on behalf of `node`; `unit` is busy in
// [begin, end). Several charges may share one interval of one unit if they
// are aspects of the same work: then all but one are `concurrent`.
struct Charge {
  NodeId node = 0;
  UnitId unit{};
  ActionId action{};
  uint64_t count = 0;
  Picos begin, end;
  bool concurrent = false;
  friend bool operator==(const Charge&, const Charge&) = default;
};

// Not thread-safe: one walk fills one ledger.
class Ledger {
 public:
  // kKeep keeps every charge (timelines, small graphs); kFold keeps sums by
  // node, unit and action, and each such row's first begin, last end and
  // busy time: constant memory however long the run. kTotals keeps sums by
  // action and by unit alone: what a fast estimate adds up.
  enum class Mode : uint8_t { kKeep, kFold, kTotals };
  explicit Ledger(Mode mode = Mode::kKeep) : mode_(mode) {}

  void Add(const Charge& charge);

  struct Row {
    uint64_t count = 0;
    Picos busy;  // of charges that are not concurrent
    Picos begin, end;
  };
  using Key = std::tuple<NodeId, UnitId, ActionId>;
  // Sums; empty in kTotals mode.
  const std::map<Key, Row>& rows() const { return rows_; }
  // Every charge in the order it was added; empty unless in kKeep mode.
  std::span<const Charge> charges() const { return charges_; }
  // Counts by action and busy time by unit, up to the last that was charged;
  // empty unless in kTotals mode.
  std::span<const uint64_t> counts() const { return counts_; }
  std::span<const Picos> busy() const { return busy_; }
  // From time zero to the end of the last charge.
  Picos makespan() const { return makespan_; }
  // Forgets everything but the mode.
  void Clear();

 private:
  void AddToRow(const Charge& charge);
  void AddToTotals(const Charge& charge);

  Mode mode_;
  std::vector<Charge> charges_;
  std::map<Key, Row> rows_;
  std::vector<uint64_t> counts_;
  std::vector<Picos> busy_;
  Picos makespan_;
};

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_LEDGER_H_
