// What each subcommand was asked to do. The command line itself is in
// main.cc alone; commands take these plain structs and return exit codes.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_OPTIONS_H_
#define TRIPTYCH_TOOLS_CLI_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

namespace triptych::cli {

// Exit codes; scripts rely on them.
inline constexpr int kOk = 0, kGateFailed = 1, kUsage = 2;

// Flags that several commands share.
struct Common {
  std::vector<std::string> targets;  // "mesh", "mesh:wormhole-n150", a path
  std::vector<std::string> set;      // "key=value"
  std::string json;                  // file, "-" for stdout, "" for none
  std::string trace;                 // file, "" for none
  int threads = 0;                   // 0: all of the machine
};

struct Sampling {
  uint64_t seed = 0;
  double temperature = 0;  // 0: greedy
  int top_k = 0;           // 0: all
  double top_p = 1;
};

struct GenerateOptions : Common {  // run, compare
  std::string model;               // path; "" is the default model
  std::string tokenizer;
  std::string prompt;
  int tokens = 32;
  Sampling sampling;
};

struct ProfileOptions : Common {
  std::string model;  // path or preset
  std::string phase = "decode";
  int64_t batch = 1;
  int64_t context = 512;
  int64_t tokens = 0;  // of a prefill; 0: `context`
};

struct OpOptions : Common {
  std::string kind;
  std::vector<std::string> spec;  // "m=512"
};

struct AccuracyOptions : Common {
  std::string model, tokenizer, text;
  int self_tokens = 0;
  std::string protocol = "story";
  int context = 256;
  std::string baseline, junit;
  bool accept = false;
  uint64_t seed = 0;
};

struct ValidateOptions : Common {
  std::string target, table;
};

struct ListOptions : Common {
  std::string what;
};

int RunCommand(const GenerateOptions& options);
int CompareCommand(const GenerateOptions& options);
int ProfileCommand(const ProfileOptions& options);
int OpCommand(const OpOptions& options);
int AccuracyCommand(const AccuracyOptions& options);
int ValidateCommand(const ValidateOptions& options);
int ListCommand(const ListOptions& options);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_OPTIONS_H_
