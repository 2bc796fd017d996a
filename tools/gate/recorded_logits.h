// The reference's logits, computed once and kept in a file.
//
//   offset  bytes
//        0      8  "TRILOGIT"
//        8      4  version, 1
//       12      4  vocabulary
//       16      8  rows: tokens fed, of all segments one after the other
//       24     32  SHA-256 of the model's file
//       56     32  SHA-256 of the segments: for each the number of its tokens,
//                  the first that is scored, and the tokens, as 32-bit words
//       88      4  bytes of the note
//       92      n  note, UTF-8: which model, text and protocol, for people
//     92+n         rows x vocabulary f32: logit less the largest of its row
//
// Everything little-endian. In f32 a logit is off by 2^-25 of its distance
// from the row's largest, so the likely ones by the least; against f64 the KL
// of a target moves by about 1e-7 of itself plus 1e-14 nats.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GATE_RECORDED_LOGITS_H_
#define TRIPTYCH_TOOLS_GATE_RECORDED_LOGITS_H_

#include <array>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "emulators/accuracy.h"
#include "kernels/base/result.h"

namespace triptych::gate {

using Sha256 = std::array<uint8_t, 32>;

// Errors: a file that cannot be read.
Result<Sha256> Sha256OfFile(const std::string& path);
Sha256 Sha256Of(const std::vector<Segment>& segments);

// `model` is the hash of the model's file.
void WriteLogits(const AccuracyTest& test, const Sha256& model,
                 const std::string& note, std::ostream& out);

// By segment, as AccuracyTest::FromLogits wants them. Errors: not such a file,
// cut short, or recorded with another model or text; "file: byte 24: what".
Result<std::vector<std::vector<double>>> ReadLogits(
    const std::string& path, const Sha256& model,
    const std::vector<Segment>& segments, int64_t vocab);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TOOLS_GATE_RECORDED_LOGITS_H_
