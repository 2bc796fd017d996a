// Banks of a memory on the chip: who has to wait when several want the same
// one.
//
// A bank serves one word a cycle. A command asks for its words of each bank
// when it starts and has them all when the last bank is through with what was
// asked for before and with these: a queue a bank, in the order of the
// commands' starts.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_MACHINE_BANKS_H_
#define TRIPTYCH_EMULATORS_NPU_MACHINE_BANKS_H_

#include <array>
#include <cstdint>

#include "emulators/npu/isa/access.h"
#include "emulators/npu/machine/divisor.h"

namespace triptych::npu {

inline constexpr int kMaxBanks = 64;

// Words of each bank that accesses touch.
struct BankWords {
  std::array<uint32_t, kMaxBanks> words{};
  bool any = false;
};

class Banks {
 public:
  // Word w lies in bank w mod banks. `banks` in 1..kMaxBanks.
  Banks(int banks, int64_t word_bytes)
      : banks_(banks),
        word_bytes_(word_bytes),
        word_size_(static_cast<uint64_t>(word_bytes)),
        bank_count_(static_cast<uint64_t>(banks)) {}

  void Reset() { free_ = {}; }

  // Adds what `access` touches, `times` over, each row by itself: a word that
  // two rows share counts twice, unless the rows follow each other without
  // gaps.
  void Count(const Access& access, BankWords& words, uint32_t times = 1) const;

  // When the words that are asked for at `now` have all been served: at
  // least now. `now` does not decrease from call to call.
  int64_t Serve(const BankWords& words, int64_t now);
  // The same for part of them: what `from` to `to` of `total` adds.
  int64_t ServePart(const BankWords& words, int64_t now, int64_t from,
                    int64_t to, int64_t total);

  int banks() const { return banks_; }

 private:
  void AddRow(int64_t begin, int64_t bytes, uint32_t times,
              BankWords& words) const;

  int banks_;
  int64_t word_bytes_;
  Divisor word_size_, bank_count_;
  std::array<int64_t, kMaxBanks> free_{};
};

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_MACHINE_BANKS_H_
