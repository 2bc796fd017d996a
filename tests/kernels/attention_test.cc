// What a comparison with the reference cannot see: that a query gives the
// same bits in any company. The rest of attention's tests is the table.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/attention/attention.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "kernels/attention/kv_cache.h"
#include "kernels/base/formats.h"
#include "kernels/row_trial.h"
#include "tests/kernels/simd_targets.h"

namespace triptych {
namespace {

bool SameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() &&
         std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

struct Problem {
  AttentionShape shape;
  GuardedMatrix<float> q, k, v;

  Problem(AttentionShape s, size_t tokens)
      : shape(s),
        q(DrawMatrix(tokens, s.heads * s.head_dim, Rng(1), 1)),
        k(DrawMatrix(s.past + tokens, s.kv_heads * s.head_dim, Rng(2), 1)),
        v(DrawMatrix(s.past + tokens, s.kv_heads * s.v_dim, Rng(3), 1)) {}

  // What a cache of the context holds, filled in pieces of `piece` tokens.
  KvCache Cache(DType dtype, size_t piece) const {
    const size_t context = k.view().rows();
    KvCache cache(shape.kv_heads, shape.head_dim, shape.v_dim, context, dtype);
    while (cache.length() < context) {
      const size_t first = cache.length();
      const size_t count = std::min(piece, context - first);
      cache.Append(k.view().Rows(first, count), v.view().Rows(first, count),
                   first % 2 == 0 ? 1 : 2);
    }
    return cache;
  }

  // Tokens first .. first + count of the same in a cache.
  GuardedMatrix<float> CachedChunk(const KvCache& cache, size_t first,
                                   size_t count, int threads) const {
    AttentionShape s = shape;
    s.past += first;
    GuardedMatrix<float> out(count, s.heads * s.v_dim);
    Attention(s, q.view().Rows(first, count), cache, out.view(), threads);
    return out;
  }

  // Tokens first .. first + count, on the keys there are by then.
  GuardedMatrix<float> Chunk(size_t first, size_t count, int threads) const {
    AttentionShape s = shape;
    s.past += first;
    GuardedMatrix<float> out(count, s.heads * s.v_dim);
    Attention(
        s, q.view().Rows(first, count),
        {k.view().Rows(0, s.past + count), v.view().Rows(0, s.past + count)},
        out.view(), threads);
    return out;
  }
};

TEST_CASE("attention of a query is the same alone, in a chunk, in a prompt") {
  // Tokens around tiles of 64 keys and tasks of 192 rows; a group of 3 heads,
  // so that tasks and register tiles begin inside a token.
  const AttentionShape shape{.heads = 6,
                             .kv_heads = 2,
                             .head_dim = 20,
                             .v_dim = 12,
                             .scale = 0.2f,
                             .past = 30};
  constexpr size_t kTokens = 150;
  const Problem problem(shape, kTokens);
  ForEachSimdTarget([&](int64_t target) {
    CAPTURE(std::string(hwy::TargetName(target)));
    const GuardedMatrix<float> whole = problem.Chunk(0, kTokens, 1);
    for (const size_t chunk : {1, 2, 7, 64, 65}) {
      CAPTURE(chunk);
      size_t wrong = 0;
      for (size_t first = 0; first < kTokens; first += chunk) {
        const size_t count = std::min(chunk, kTokens - first);
        const int threads = first % 2 == 0 ? 1 : 2;
        const GuardedMatrix<float> part = problem.Chunk(first, count, threads);
        for (size_t r = 0; r < count; ++r) {
          wrong += !SameBits(part.view().row_span(r),
                             whole.view().row_span(first + r));
        }
      }
      CHECK(wrong == 0);
    }
  });
}

constexpr DType kCacheTypes[] = {DType::kF32, DType::kF16, DType::kBf16,
                                 DType::kI8};

TEST_CASE("a cache gives the same bits however it was filled and is asked") {
  // Ranges of 1024 keys end inside; 2 KV heads for 3 threads, so that a
  // single query is shared out by ranges.
  for (const size_t window : {0, 77}) {
    const AttentionShape shape{.heads = 6,
                               .kv_heads = 2,
                               .head_dim = 18,
                               .v_dim = 12,
                               .scale = 0.2f,
                               .past = 1000,
                               .window = window};
    constexpr size_t kTokens = 70;
    const Problem problem(shape, kTokens);
    for (const DType dtype : kCacheTypes) {
      const KvCache at_once = problem.Cache(dtype, 2000);
      const KvCache in_pieces = problem.Cache(dtype, 7);
      ForEachSimdTarget([&](int64_t target) {
        CAPTURE(std::string(hwy::TargetName(target)));
        CAPTURE(std::string(InfoOf(dtype).name));
        CAPTURE(window);
        const GuardedMatrix<float> whole =
            problem.CachedChunk(at_once, 0, kTokens, 2);
        for (const size_t chunk : {1, 3, 64}) {
          size_t wrong = 0;
          for (size_t first = 0; first < kTokens; first += chunk) {
            const size_t count = std::min(chunk, kTokens - first);
            const GuardedMatrix<float> part = problem.CachedChunk(
                in_pieces, first, count, static_cast<int>(1 + first % 3));
            for (size_t r = 0; r < count; ++r) {
              wrong += !SameBits(part.view().row_span(r),
                                 whole.view().row_span(first + r));
            }
          }
          CHECK(wrong == 0);
        }
      });
    }
  }
}

TEST_CASE("a cache with scores far apart gives the winners' value") {
  // Every hundred keys bring a new maximum, ranges too; or only the first do.
  for (const float growth : {1.f, -1.f}) {
    const AttentionShape shape{
        .head_dim = 4, .v_dim = 4, .scale = 100, .causal = true, .past = 1300};
    Problem problem(shape, 1);
    for (size_t i = 0; i < 4; ++i) problem.q.view()(0, i) = 1;
    const size_t winner = growth > 0 ? 13 : 0;
    for (size_t s = 0; s < 1301; ++s) {
      const size_t rank = s / 100;
      for (size_t i = 0; i < 4; ++i) {
        problem.k.view()(s, i) = growth * static_cast<float>(rank);
        problem.v.view()(s, i) = rank == winner ? 4 : 1;
      }
    }
    for (const DType dtype : kCacheTypes) {
      const KvCache cache = problem.Cache(dtype, 500);
      ForEachSimdTarget([&](int64_t target) {
        CAPTURE(std::string(hwy::TargetName(target)));
        CAPTURE(std::string(InfoOf(dtype).name));
        const GuardedMatrix<float> out = problem.CachedChunk(cache, 0, 1, 2);
        for (const float x : out.view().row_span(0)) {
          CHECK(x == doctest::Approx(4));
        }
      });
    }
  }
}

TEST_CASE("attention with scores far apart neither overflows nor divides 0") {
  // The keys grow, so that every tile brings a new maximum; then they shrink.
  for (const float growth : {1.f, -1.f}) {
    const AttentionShape shape{
        .head_dim = 4, .v_dim = 4, .scale = 100, .causal = true, .past = 300};
    Problem problem(shape, 1);
    for (size_t i = 0; i < 4; ++i) problem.q.view()(0, i) = 1;
    for (size_t s = 0; s < 301; ++s) {
      for (size_t i = 0; i < 4; ++i) {
        problem.k.view()(s, i) = growth * static_cast<float>(s);
      }
    }
    const size_t winner = growth > 0 ? 300 : 0;
    ForEachSimdTarget([&](int64_t target) {
      CAPTURE(std::string(hwy::TargetName(target)));
      const GuardedMatrix<float> out = problem.Chunk(0, 1, 1);
      CHECK(SameBits(out.view().row_span(0),
                     std::as_const(problem.v).view().row_span(winner)));
    });
  }
}

// Weights may be relative to an earlier score than the greatest, as long as
// that is not much greater: around where that ends, within a tile or after
// many.
TEST_CASE(
    "scores that rise from tile to tile are weighed as if all were known") {
  constexpr size_t kKeys = 1300;  // more than a range
  // In units of log2, in which kernels scale queries to be 1 here.
  const AttentionShape shape{
      .head_dim = 2, .v_dim = 4, .scale = std::numbers::ln2, .past = kKeys - 1};
  for (const float rise : {0.5f, 3.f, 7.75f, 8.f, 8.25f, 17.f}) {
    Problem problem(shape, 1);
    const MatView<float> k = problem.k.view(), v = problem.v.view();
    problem.q.view()(0, 0) = 1;
    problem.q.view()(0, 1) = 0;
    std::vector<double> mean(shape.v_dim), magnitude(shape.v_dim);
    double sum = 0;
    for (size_t s = 0; s < kKeys; ++s) {
      k(s, 0) = RoundToBf16(rise * static_cast<float>(s / 64) -
                            static_cast<float>(s % 7));
      const double weight = std::exp2(k(s, 0) - rise * (kKeys / 64));
      sum += weight;
      for (size_t i = 0; i < shape.v_dim; ++i) {
        v(s, i) = RoundToBf16(v(s, i));
        mean[i] += weight * v(s, i);
        magnitude[i] += weight * std::abs(v(s, i));
      }
    }
    for (const DType dtype : {DType::kF32, DType::kBf16}) {
      // exp2 and the format of the weights, twice; the sums.
      const double error =
          (dtype == DType::kBf16 ? 2 * (0x1p-13 + 0x1p-8) : 0) +
          (4.0 * kKeys + 200) * kUnit;
      const KvCache cache = problem.Cache(dtype, 500);
      ForEachSimdTarget([&](int64_t target) {
        CAPTURE(std::string(hwy::TargetName(target)));
        CAPTURE(std::string(InfoOf(dtype).name));
        CAPTURE(rise);
        const GuardedMatrix<float> out = problem.CachedChunk(cache, 0, 1, 1);
        for (size_t i = 0; i < shape.v_dim; ++i) {
          CHECK(std::abs(out.view()(0, i) - mean[i] / sum) <=
                error * magnitude[i] / sum);
        }
      });
    }
  }
}

}  // namespace
}  // namespace triptych
