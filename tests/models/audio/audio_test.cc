// Sound: WAVE files, other rates, the Fourier transform and mel coefficients,
// held to their definitions.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstring>
#include <numbers>
#include <string>
#include <vector>

#include "kernels/base/rng.h"
#include "models/audio/fft.h"
#include "models/audio/front_end.h"
#include "models/audio/mfcc.h"
#include "models/audio/resample.h"
#include "models/audio/wav.h"
#include "models/build/build.h"
#include "models/presets/presets.h"

namespace triptych {
namespace {

constexpr double kPi = std::numbers::pi;

// Little-endian numbers and texts, one behind the other.
class Bytes {
 public:
  template <class T>
  Bytes& Number(T value) {
    const auto at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    std::memcpy(bytes_.data() + at, &value, sizeof(T));
    return *this;
  }
  Bytes& Text(const std::string& text) {
    for (const char c : text) bytes_.push_back(static_cast<std::byte>(c));
    return *this;
  }
  Bytes& Append(const std::vector<std::byte>& more) {
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

std::vector<std::byte> Wav(uint16_t kind, uint16_t channels, uint16_t bits,
                           const std::vector<std::byte>& data,
                           uint32_t data_size) {
  Bytes b;
  b.Text("RIFF").Number(uint32_t{0}).Text("WAVE");
  // A chunk that nobody needs, of odd size and padded.
  b.Text("LIST").Number(uint32_t{3}).Text("abc").Number(uint8_t{0});
  b.Text("fmt ").Number(uint32_t{16}).Number(kind).Number(channels);
  const auto block = static_cast<uint16_t>(channels * bits / 8);
  b.Number(uint32_t{16000}).Number(uint32_t{16000u * block}).Number(block);
  b.Number(bits);
  b.Text("data").Number(data_size).Append(data);
  return b.bytes();
}
std::vector<std::byte> Wav(uint16_t kind, uint16_t channels, uint16_t bits,
                           const std::vector<std::byte>& data) {
  return Wav(kind, channels, bits, data, static_cast<uint32_t>(data.size()));
}

void CheckSound(const std::vector<std::byte>& file,
                const std::vector<float>& want) {
  const auto sound = ParseWav(file, "f");
  REQUIRE_MESSAGE(sound, (sound ? "" : sound.error().message));
  CHECK(sound->rate_hz == 16000);
  CHECK(sound->samples == want);
}

TEST_CASE("WAVE files of every width") {
  const auto pcm16 = Bytes()
                         .Number(int16_t{-32768})
                         .Number(int16_t{16384})
                         .Number(int16_t{0})
                         .Number(int16_t{1})
                         .bytes();
  CheckSound(Wav(1, 1, 16, pcm16), {-1, 0.5F, 0, 1 / 32768.0F});
  // Two channels: their mean.
  CheckSound(Wav(1, 2, 16, pcm16), {-0.25F, 0.5F / 32768});
  CheckSound(
      Wav(1, 1, 8, Bytes().Number(uint8_t{0}).Number(uint8_t{192}).bytes()),
      {-1, 0.5F});
  const auto pcm24 = Bytes().Text(std::string("\0\0\x40\0\0\x80", 6)).bytes();
  CheckSound(Wav(1, 1, 24, pcm24), {0.5F, -1});
  CheckSound(Wav(1, 1, 32, Bytes().Number(int32_t{1 << 30}).bytes()), {0.5F});
  CheckSound(Wav(3, 1, 32, Bytes().Number(0.625F).bytes()), {0.625F});
  // Written to a pipe: the size is not known. Half a sample is none.
  CheckSound(Wav(1, 1, 16, Bytes().Append(pcm16).Number(uint8_t{7}).bytes(),
                 0xFFFFFFFF),
             {-1, 0.5F, 0, 1 / 32768.0F});
}

TEST_CASE("WAVE files that are none, or of kinds that are not read") {
  const auto message = [](const std::vector<std::byte>& file) {
    const auto sound = ParseWav(file, "f");
    REQUIRE(!sound);
    return sound.error().message;
  };
  const auto data = Bytes().Number(int16_t{1}).bytes();
  CHECK(message(Bytes().Text("RIFX....WAVE").bytes()) ==
        "f: offset 0: header: not a WAVE file; RIFF...WAVE is allowed");
  CHECK(message(Wav(2, 1, 16, data)).find("format 2 of 16 bits; allowed are") !=
        std::string::npos);
  CHECK(message(Wav(1, 1, 12, data)).find("of 12 bits") != std::string::npos);
  CHECK(message(Wav(3, 1, 64, data)).find("of 64 bits") != std::string::npos);
  CHECK(message(Wav(1, 0, 16, data)).find("0 channels") != std::string::npos);
  const auto whole = Wav(1, 1, 16, data);
  for (size_t size = 0; size + data.size() < whole.size(); ++size) {
    INFO("size ", size);
    CHECK(message({whole.begin(),
                   whole.begin() + static_cast<std::ptrdiff_t>(size)})
              .starts_with("f: offset "));
  }
}

TEST_CASE("sound in the middle of as many samples as are wanted") {
  const std::vector<float> sound = {1, 2, 3};
  CHECK(Centred(sound, 3) == sound);
  CHECK(Centred(sound, 6) == std::vector<float>{0, 1, 2, 3, 0, 0});
  CHECK(Centred(sound, 1) == std::vector<float>{2});
  CHECK(Centred({}, 2) == std::vector<float>{0, 0});
}

TEST_CASE("the Fourier transform is its definition") {
  Rng rng(3, 0);
  for (const size_t size : {2u, 8u, 64u, 512u}) {
    for (const size_t count : {size, size - size / 4 - 1, size_t{1}}) {
      std::vector<double> x(count);
      for (double& v : x) v = rng.Normal();
      std::vector<std::complex<double>> y(size / 2 + 1);
      RealFft(size).Run(x, y);
      double worst = 0;
      for (size_t k = 0; k < y.size(); ++k) {
        std::complex<double> want = 0;
        for (size_t n = 0; n < count; ++n) {
          want += x[n] *
                  std::polar(1.0, -2 * kPi * static_cast<double>(k * n % size) /
                                      static_cast<double>(size));
        }
        worst = std::max(worst, std::abs(y[k] - want));
      }
      CHECK(worst < 1e-12 * static_cast<double>(size));
    }
  }
}

// Of a tone at `hz`: how much is left after it goes from one rate to another,
// and how much else there is.
struct Passed {
  double gain = 0, other = 0;
};
Passed PassTone(double hz, int64_t from, int64_t to) {
  std::vector<float> tone(static_cast<size_t>(from));
  for (size_t n = 0; n < tone.size(); ++n) {
    tone[n] = static_cast<float>(std::sin(
        2 * kPi * hz * static_cast<double>(n) / static_cast<double>(from)));
  }
  const std::vector<float> out = Resample(tone, from, to);
  REQUIRE(out.size() == static_cast<size_t>(to));
  // Without the ends, which silence is in front of and behind.
  double dot = 0, norm = 0, all = 0;
  for (size_t n = out.size() / 4; n < out.size() * 3 / 4; ++n) {
    const double want = std::sin(2 * kPi * hz * static_cast<double>(n) /
                                 static_cast<double>(to));
    dot += want * out[n];
    norm += want * want;
    all += static_cast<double>(out[n]) * out[n];
  }
  const double gain = dot / norm;
  return {gain, std::sqrt(std::max(0.0, all / norm - gain * gain))};
}

TEST_CASE("sound at another rate") {
  const std::vector<float> same = {1, 2, 3};
  CHECK(Resample(same, 8000, 8000) == same);
  for (const double hz : {100.0, 1000.0, 7200.0}) {
    CAPTURE(hz);
    for (const auto& [from, to] : {std::pair<int64_t, int64_t>{22050, 16000},
                                   {16000, 22050},
                                   {48000, 16000}}) {
      const Passed p = PassTone(hz, from, to);
      CHECK(std::abs(p.gain - 1) < 2e-3);
      CHECK(p.other < 2e-3);
    }
  }
  // Above what the lower rate can hold.
  const Passed gone = PassTone(9500, 22050, 16000);
  CHECK(std::abs(gone.gain) < 1e-3);
  CHECK(gone.other < 1e-3);
}

TEST_CASE("mel coefficients are their definition") {
  const MfccConfig c = {.rate_hz = 8000,
                        .samples = 200,
                        .window = 100,
                        .hop = 50,
                        .transform = 128,
                        .bands = 12,
                        .low_hz = 50,
                        .high_hz = 3800,
                        .floor = 1e-12,
                        .coefficients = 7};
  const auto mfcc = Mfcc::Create(c);
  REQUIRE(mfcc);
  CHECK(mfcc->rows() == 3);
  Rng rng(5, 0);
  std::vector<float> sound(200);
  for (float& x : sound) x = static_cast<float>(rng.Normal());
  const auto got = mfcc->Run(sound);
  REQUIRE(got);
  REQUIRE(got->size() == 21);
  const auto mel = [](double hz) { return 1127 * std::log(1 + hz / 700); };
  const double low = mel(50), step = (mel(3800) - low) / 13;
  for (int f = 0; f < 3; ++f) {
    std::vector<double> logs;
    for (int b = 0; b < 12; ++b) {
      double sum = 0;
      for (int k = 1; k <= 64; ++k) {
        const double m = mel(k * 8000.0 / 128), left = low + b * step;
        const double weight =
            std::min((m - left) / step, (left + 2 * step - m) / step);
        if (weight <= 0) continue;
        std::complex<double> bin = 0;
        for (int n = 0; n < 100; ++n) {
          const double hann = std::pow(std::sin(kPi * n / 100), 2);
          bin += sound[static_cast<size_t>(f * 50 + n)] * hann *
                 std::polar(1.0, -2 * kPi * k * n / 128);
        }
        sum += weight * std::abs(bin);
      }
      logs.push_back(std::log(sum));
    }
    for (int q = 0; q < 7; ++q) {
      double want = 0;
      for (int b = 0; b < 12; ++b) {
        want += std::sqrt(2.0 / 12) * logs[static_cast<size_t>(b)] *
                std::cos(kPi * q * (b + 0.5) / 12);
      }
      CHECK(std::abs((*got)[static_cast<size_t>(f * 7 + q)] - want) < 1e-5);
    }
  }
  // Silence: every sum is the least there is.
  const auto quiet = mfcc->Run(std::vector<float>(200));
  REQUIRE(quiet);
  CHECK(std::abs((*quiet)[0] - 12 * std::sqrt(2.0 / 12) * std::log(1e-12)) <
        1e-4);
  CHECK(std::abs((*quiet)[1]) < 1e-4);
  CHECK(!mfcc->Run(std::vector<float>(199)));
  for (const MfccConfig& bad :
       {MfccConfig{.window = 20000}, MfccConfig{.transform = 500},
        MfccConfig{.coefficients = 81}, MfccConfig{.high_hz = 9000},
        MfccConfig{.hop = 0}, MfccConfig{.floor = 0}}) {
    CHECK(!Mfcc::Create(bad));
  }
}

TEST_CASE("encoders of 98 rows of 40 features hear through our MFCC") {
  ModelFile file;
  file.config = *PresetByName("kwt-1");
  const auto graph = BuildGraph(file);
  REQUIRE(graph);
  const auto front = FrontEndOf(file, *graph);
  REQUIRE_MESSAGE(front, (front ? "" : front.error().message));
  CHECK((*front)->samples() == 16000);
  CHECK((*front)->rows() == 98);
  file.config = *PresetByName("vit-b16");
  const auto vit = BuildGraph(file);
  REQUIRE(vit);
  CHECK(!FrontEndOf(file, *vit));
}

}  // namespace
}  // namespace triptych
