// What a gate measures: a small TOML file of cases.
//
//   [[case]]
//   name = "stories"                   # in every row of the results
//   model = "path or preset"           # left out: the default model
//   targets = ["mesh", "npu:my.toml"]  # as -t takes them
//   set = ["optical:adc.bits=9"]       # as --set takes them
//   phases = ["prefill", "decode"]     # timed, by shape; default: both
//   batch = 1
//   context = 64                       # of the prompt, or in the cache
//   tokens = 256       # scored; 0 (the default): cost alone, no weights
//   operator_tokens = 128              # of these, for errors by operator
//   text = "file"                      # left out: the reference writes it
//   protocol = "story"                 # or "llama.cpp", for a file
//   chunk = 256                        # tokens of a chunk of llama.cpp's
//   seeds = 2                          # repetitions with other noise
//   seed = 0
//
// Paths of models and texts are relative to the suite's folder.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GATE_SUITE_H_
#define TRIPTYCH_TOOLS_GATE_SUITE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/graph.h"
#include "tools/gate/text.h"

namespace triptych::gate {

struct Case {
  std::string name, model, tokenizer;
  std::vector<std::string> targets, set;
  std::vector<Phase> phases = {Phase::kPrefill, Phase::kDecode};
  int64_t batch = 1, context = 64;
  bool scored = false;
  TextSource text;  // of a scored case
  int64_t operator_tokens = 128;
  int64_t seeds = 2;
  uint64_t seed = 0;
};

struct Suite {
  std::string file;
  std::vector<Case> cases;
};

// Errors: not TOML, a key or a value that is not allowed, two cases of one
// name, no case; "file:line: key: what".
Result<Suite> ParseSuite(std::string_view text, const std::string& file);
Result<Suite> ReadSuite(const std::string& path);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TOOLS_GATE_SUITE_H_
