// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/machine/banks.h"

#include <algorithm>
#include <numeric>

namespace triptych::npu {

void Banks::AddRow(int64_t begin, int64_t bytes, uint32_t times,
                   BankWords& words) const {
  const auto at = static_cast<uint64_t>(begin);
  const uint64_t first = word_size_.Quotient(at);
  const uint64_t count =
      word_size_.Quotient(at + static_cast<uint64_t>(bytes) - 1) - first + 1;
  const uint32_t everywhere =
      static_cast<uint32_t>(bank_count_.Quotient(count)) * times;
  if (everywhere > 0) {
    for (int b = 0; b < banks_; ++b) {
      words.words[static_cast<size_t>(b)] += everywhere;
    }
  }
  uint64_t bank = bank_count_.Remainder(first);
  for (uint64_t rest = bank_count_.Remainder(count); rest > 0; --rest) {
    words.words[bank] += times;
    if (++bank == bank_count_.value()) bank = 0;
  }
}

void Banks::Count(const Access& access, BankWords& words,
                  uint32_t times) const {
  words.any = true;
  int64_t row_bytes = access.row_bytes, rows1 = access.rows1;
  int64_t rows2 = access.rows2;
  if (access.stride1 == row_bytes || rows1 == 1) {
    row_bytes *= rows1;
    rows1 = 1;
    if (access.stride2 == row_bytes) {
      row_bytes *= rows2;
      rows2 = 1;
    }
  }
  // Which banks rows touch repeats as soon as their distance is a multiple
  // of all banks.
  const int64_t turn = banks_ * word_bytes_;
  const int64_t period = std::min(rows1, turn / std::gcd(access.stride1, turn));
  const int64_t again = rows1 / period, rest = rows1 % period;
  for (int64_t j = 0; j < rows2; ++j) {
    int64_t begin = access.begin + j * access.stride2;
    for (int64_t i = 0; i < period; ++i, begin += access.stride1) {
      AddRow(begin, row_bytes,
             static_cast<uint32_t>(again + (i < rest)) * times, words);
    }
  }
}

int64_t Banks::Serve(const BankWords& words, int64_t now) {
  if (!words.any) return now;
  int64_t done = now;
  for (int b = 0; b < banks_; ++b) {
    const auto i = static_cast<size_t>(b);
    const int64_t count = words.words[i];
    const int64_t end = std::max(free_[i], now) + count;
    free_[i] = count > 0 ? end : free_[i];
    done = count > 0 ? std::max(done, end) : done;
  }
  return done;
}

int64_t Banks::ServePart(const BankWords& words, int64_t now, int64_t from,
                         int64_t to, int64_t total) {
  if (from == 0 && to == total) return Serve(words, now);
  if (!words.any) return now;
  // Shares of 2^32: what all parts take is exactly the whole.
  const auto share = [total](int64_t part) {
    return static_cast<uint64_t>(static_cast<double>(part) * 0x1p32 /
                                 static_cast<double>(total));
  };
  const uint64_t before = share(from), after = share(to);
  int64_t done = now;
  for (int b = 0; b < banks_; ++b) {
    const auto i = static_cast<size_t>(b);
    const uint64_t all = words.words[i];
    const auto count =
        static_cast<int64_t>((all * after >> 32) - (all * before >> 32));
    const int64_t end = std::max(free_[i], now) + count;
    free_[i] = count > 0 ? end : free_[i];
    done = count > 0 ? std::max(done, end) : done;
  }
  return done;
}

}  // namespace triptych::npu
