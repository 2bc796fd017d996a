// A point of a study, and the key that names it in every database.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SWEEP_POINT_H_
#define TRIPTYCH_TOOLS_SWEEP_POINT_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace triptych::sweep {

struct Study;

// How a point is costed: by the estimate of its distinct nodes, or by a whole
// walk of the graph (and accuracy, where the study asks for it).
enum class Tier : uint8_t { kAnalytic, kDetailed };
inline constexpr std::string_view kTierNames[] = {"analytic", "detailed"};

enum class PointStatus : uint8_t { kOk, kInvalid, kOom, kTimeout, kCrash };
inline constexpr std::string_view kStatusNames[] = {"ok", "invalid", "oom",
                                                    "timeout", "crash"};

struct Point {
  // Its number in the design of the study, from 0.
  uint64_t number = 0;
  // By axis of the study. A level of a text axis is its index; NaN where the
  // point's machine does not have the parameter.
  std::vector<double> values;
};

using Key = std::array<uint8_t, 16>;

// Raised when what the emulators answer changes for the same parameters, so
// that no database mixes old answers with new ones.
inline constexpr int kModelRevision = 1;

// SHA-256 of everything but the point that an answer depends on: the version
// of this library, kModelRevision, the effective configuration of each
// machine, the graph of each model and what the detailed tier measures.
// 64 hexadecimal digits.
std::string ModelVersion(const Study& study);

// The point as text, one "name=value" a line in the order of names: numbers
// in their shortest form that reads back, axes that do not apply left out.
// Two points with the same text are the same machine doing the same work.
std::string CanonicalText(const Study& study, const Point& point);

// The first 128 bits of SHA-256 of the model version, tier and canonical
// text: with 2^32 points two share a key with a probability of 3e-20.
// Keeps pointers to the study. Not thread-safe: it has scratch space.
class KeyMaker {
 public:
  explicit KeyMaker(const Study& study);
  Key operator()(const Point& point, Tier tier);

 private:
  const Study* study_;
  std::vector<size_t> order_;  // of axes, by name
  std::string version_, text_;
};

// SHA-256 (FIPS 180-4) of `text`, as 64 hexadecimal digits.
std::string Sha256Hex(std::string_view text);

}  // namespace triptych::sweep

#endif  // TRIPTYCH_TOOLS_SWEEP_POINT_H_
