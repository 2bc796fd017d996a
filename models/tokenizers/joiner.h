// The engine of byte-pair encoding: a row of symbols, of which the adjacent
// pair of the lowest rank is joined until no pair has one. Of equal ranks the
// leftmost goes first. O(n log n).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_TOKENIZERS_JOINER_H_
#define TRIPTYCH_MODELS_TOKENIZERS_JOINER_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/tokenizers/vocabulary.h"

namespace triptych {

struct Symbol {
  size_t begin = 0, length = 0;  // bytes of the word; 0: joined into another
  TokenId id = kNoToken;
  size_t previous = 0, next = 0;
};

struct Joint {
  uint32_t rank;
  TokenId id;  // of the joined symbol
  size_t left, right, length;
};

struct JoinScratch {
  std::vector<Symbol> symbols;
  std::vector<Joint> heap;
};

class Joiner {
 public:
  static constexpr size_t kNone = static_cast<size_t>(-1);

  // Keeps a reference; what it held is forgotten.
  explicit Joiner(JoinScratch& scratch)
      : symbols_(scratch.symbols), heap_(scratch.heap) {
    symbols_.clear();
    heap_.clear();
  }

  // The next symbol of the row, after all that were added before.
  void Add(size_t begin, size_t length, TokenId id) {
    const size_t index = symbols_.size();
    if (index > 0) symbols_.back().next = index;
    symbols_.push_back({begin, length, id, index - 1, kNone});
  }

  // `propose(left symbol, right symbol, joint)` sets rank and id of the joint
  // and returns true if the two may be joined.
  template <class Propose>
  void JoinAll(const Propose& propose) {
    for (size_t i = 1; i < symbols_.size(); ++i) Offer(i - 1, i, propose);
    std::make_heap(heap_.begin(), heap_.end(), Later);
    while (!heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), Later);
      const Joint best = heap_.back();
      heap_.pop_back();
      Symbol& left = symbols_[best.left];
      Symbol& right = symbols_[best.right];
      // Stale when one of the two has grown or gone since.
      if (left.length == 0 || right.length == 0 ||
          left.length + right.length != best.length) {
        continue;
      }
      left.id = best.id;
      left.length = best.length;
      left.next = right.next;
      right.length = 0;
      if (left.next != kNone) symbols_[left.next].previous = best.left;
      if (left.previous != kNone) Push(left.previous, best.left, propose);
      if (left.next != kNone) Push(best.left, left.next, propose);
    }
  }

  // The symbols that remain, in order.
  template <class Visit>
  void ForEach(const Visit& visit) const {
    for (size_t i = symbols_.empty() ? kNone : 0; i != kNone;
         i = symbols_[i].next) {
      visit(symbols_[i]);
    }
  }

 private:
  static bool Later(const Joint& a, const Joint& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  }

  template <class Propose>
  bool Offer(size_t left, size_t right, const Propose& propose) {
    const Symbol &a = symbols_[left], &b = symbols_[right];
    Joint joint{0, kNoToken, left, right, a.length + b.length};
    if (!propose(a, b, joint)) return false;
    heap_.push_back(joint);
    return true;
  }
  template <class Propose>
  void Push(size_t left, size_t right, const Propose& propose) {
    if (Offer(left, right, propose)) {
      std::push_heap(heap_.begin(), heap_.end(), Later);
    }
  }

  std::vector<Symbol>& symbols_;
  std::vector<Joint>& heap_;
};

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_TOKENIZERS_JOINER_H_
