// SPDX-License-Identifier: Apache-2.0
#include "kernels/quant/variants.h"

#include <limits>

#include "kernels/base/formats.h"
#include "kernels/quant/quant.h"
#include "kernels/row_trial.h"

namespace triptych {
namespace {

// Every conversion equals the scalar one of kernels/base/formats.h: no bound.
std::vector<Expected> Exactly(std::span<const double> values) {
  std::vector<Expected> expected;
  for (double v : values) expected.push_back({v, 0});
  return expected;
}

// Rows 1 and 2 are zeros, and a row with something that is not finite.
GuardedMatrix<float> Awkward(const ProblemShape& s, uint64_t seed) {
  GuardedMatrix<float> x = DrawMatrix(s[0], s[1], Rng(seed), 1);
  for (size_t c = 0; c < s[1] && s[0] > 1; ++c) x.view()(1, c) = 0;
  if (s[0] > 2 && s[1] > 0) {
    x.view()(2, s[1] - 1) = seed % 2 == 0
                                ? std::numeric_limits<float>::quiet_NaN()
                                : -std::numeric_limits<float>::infinity();
  }
  return x;
}

class QuantizeTrial : public Trial {
 public:
  QuantizeTrial(const ProblemShape& s, uint64_t seed)
      : clean_(Awkward(s, seed)),
        x_(clean_),
        codes_(MatrixOf<int8_t>(s[0], s[1])),
        scales_(s[0]) {}
  void Run(int threads) override {
    QuantizeRowsI8(x_.view(), codes_.view(), scales_, threads);
  }
  size_t rows() const override { return scales_.size(); }
  // The codes of a row, then its scale.
  std::vector<double> Output(size_t row) const override {
    const auto codes = codes_.view().row_span(row);
    std::vector<double> result(codes.begin(), codes.end());
    result.push_back(scales_[row]);
    return result;
  }
  std::vector<Expected> Reference(size_t row) const override {
    std::vector<int8_t> codes(codes_.view().cols());
    const float scale =
        QuantizeRowInt<int8_t>(clean_.view().row_span(row), 8, codes);
    std::vector<double> result(codes.begin(), codes.end());
    result.push_back(scale);
    return Exactly(result);
  }
  bool GuardsIntact() const override { return codes_.Intact(); }
  // The largest element is missed: the tail, if it is there.
  bool Sabotage() override {
    if (rows() == 0 || clean_.view().cols() == 0) return false;
    const auto row = x_.view().row_span(0);
    *std::max_element(row.begin(), row.end(), [](float a, float b) {
      return std::abs(a) < std::abs(b);
    }) = 0;
    return true;
  }

 private:
  GuardedMatrix<float> clean_, x_;
  GuardedMatrix<int8_t> codes_;
  std::vector<float> scales_;
};

class DequantizeTrial : public RowTrial {
 public:
  DequantizeTrial(const ProblemShape& s, uint64_t seed)
      : RowTrial(s, seed, 0, 1), clean_codes_(MatrixOf<int8_t>(s[0], s[1])) {
    Rng rng(seed);
    for (size_t r = 0; r < s[0]; ++r) {
      scales_.push_back(static_cast<float>(rng.Uniform()));
      for (int8_t& q : clean_codes_.view().row_span(r)) {
        q = static_cast<int8_t>(rng.Next());
      }
    }
    codes_ = clean_codes_;
  }
  void Run(int threads) override {
    DequantizeRowsI8(codes_.view(), scales_, out(), threads);
  }
  std::vector<Expected> Reference(size_t row) const override {
    std::vector<double> result;
    for (int8_t q : clean_codes_.view().row_span(row)) {
      result.push_back(static_cast<float>(q) * scales_[row]);
    }
    return Exactly(result);
  }
  bool Sabotage() override {
    if (rows() == 0 || cols() == 0) return false;
    codes_.view()(0, cols() - 1) ^= 1;
    return true;
  }

 private:
  GuardedMatrix<int8_t> clean_codes_, codes_{0, 0};
  std::vector<float> scales_;
};

// f32 bit patterns at random: every exponent, subnormals, NaNs.
class ToBf16Trial : public Trial {
 public:
  ToBf16Trial(const ProblemShape& s, uint64_t seed)
      : clean_(MatrixOf<float>(s[0], s[1])),
        x_(0, 0),
        out_(MatrixOf<uint16_t>(s[0], s[1])) {
    Rng rng(seed);
    for (size_t r = 0; r < s[0]; ++r) {
      for (float& v : clean_.view().row_span(r)) {
        v = std::bit_cast<float>(rng.Next());
      }
    }
    x_ = clean_;
  }
  void Run(int threads) override {
    RowsToBf16(x_.view(), out_.view(), threads);
  }
  size_t rows() const override { return out_.view().rows(); }
  std::vector<double> Output(size_t row) const override {
    const auto codes = out_.view().row_span(row);
    return {codes.begin(), codes.end()};
  }
  std::vector<Expected> Reference(size_t row) const override {
    std::vector<double> codes;
    for (float v : clean_.view().row_span(row)) {
      codes.push_back(Bf16FromF32(v));
    }
    return Exactly(codes);
  }
  bool GuardsIntact() const override { return out_.Intact(); }
  // One bit that is kept.
  bool Sabotage() override {
    if (rows() == 0 || out_.view().cols() == 0) return false;
    float& v = x_.view()(0, out_.view().cols() - 1);
    v = std::bit_cast<float>(std::bit_cast<uint32_t>(v) ^ 0x00020000u);
    return true;
  }

 private:
  GuardedMatrix<float> clean_, x_;
  GuardedMatrix<uint16_t> out_;
};

class FromBf16Trial : public RowTrial {
 public:
  FromBf16Trial(const ProblemShape& s, uint64_t seed)
      : RowTrial(s, seed, 0, 1), clean_codes_(MatrixOf<uint16_t>(s[0], s[1])) {
    Rng rng(seed);
    for (size_t r = 0; r < s[0]; ++r) {
      for (uint16_t& code : clean_codes_.view().row_span(r)) {
        code = static_cast<uint16_t>(rng.Next());
      }
    }
    codes_ = clean_codes_;
  }
  void Run(int threads) override {
    RowsFromBf16(codes_.view(), out(), threads);
  }
  std::vector<Expected> Reference(size_t row) const override {
    std::vector<double> values;
    for (uint16_t code : clean_codes_.view().row_span(row)) {
      values.push_back(F32FromBf16(code));
    }
    return Exactly(values);
  }
  bool Sabotage() override {
    if (rows() == 0 || cols() == 0) return false;
    uint16_t& code = codes_.view()(0, cols() - 1);
    code = code == 0x3F80 ? 0x4000 : 0x3F80;  // 1, or 2
    return true;
  }

 private:
  GuardedMatrix<uint16_t> clean_codes_, codes_{0, 0};
};

// Bytes of an element, kAgainBytes of them read twice.
template <size_t kFromBytes, size_t kToBytes, size_t kAgainBytes>
ProblemWork ConvertWork(const ProblemShape& s) {
  const size_t cells = s[0] * s[1];
  return {.flops = Flops(0),
          .bytes = Bytes((kFromBytes + kToBytes) * cells),
          .written = Bytes(kToBytes * cells),
          .again = Bytes(kAgainBytes * cells)};
}

template <class T, size_t kFromBytes, size_t kToBytes, size_t kAgainBytes = 0>
constexpr Variant Row(std::string_view op, std::string_view name) {
  return {op,
          name,
          DType::kF32,
          "rows cols",
          RowTestShapes,
          RowBenchShapes,
          ConvertWork<kFromBytes, kToBytes, kAgainBytes>,
          MakeTrial<T>};
}

constexpr Variant kVariants[] = {
    Row<QuantizeTrial, 4, 1, 4>("quantize", "f32_i8"),
    Row<DequantizeTrial, 1, 4>("dequantize", "i8_f32"),
    Row<ToBf16Trial, 4, 2>("quantize", "f32_bf16"),
    Row<FromBf16Trial, 2, 4>("dequantize", "bf16_f32"),
};

}  // namespace

std::span<const Variant> QuantVariants() { return kVariants; }

}  // namespace triptych
