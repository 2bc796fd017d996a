// What each subcommand was asked to do. The command line itself is in
// main.cc alone; commands take these plain structs and return exit codes.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_CLI_OPTIONS_H_
#define TRIPTYCH_TOOLS_CLI_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/base/parallel.h"
#include "kernels/base/result.h"

namespace triptych::cli {

// Exit codes; scripts rely on them.
inline constexpr int kOk = 0, kGateFailed = 1, kUsage = 2;

// Flags that several commands share.
struct Common {
  std::vector<std::string> targets;  // "mesh", "mesh:wormhole-n150", a path
  std::vector<std::string> set;      // "key=value"
  std::string json;                  // file, "-" for stdout, "" for none
  std::string trace;                 // file, "" for none
  std::string trace_format = "auto";
  int threads = 0;  // 0: all of the machine
};
inline int ThreadsOf(const Common& o) {
  return o.threads > 0 ? o.threads : MaxThreads();
}
// o.targets, or `otherwise` if none was named.
inline std::vector<std::string> TargetsOr(const Common& o,
                                          std::vector<std::string> otherwise) {
  return o.targets.empty() ? std::move(otherwise) : o.targets;
}

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
  bool layers = false;        // a report by operator and layer, measured
  bool chat = false;          // the prompt is what a user says
  std::string chat_template;  // name; "" is the model's own
};

struct TokenizeOptions : Common {
  std::string model;         // or a tokenizer's file; "" is the default model
  std::string prompt, text;  // what is said, or a file
  bool control = false;      // "<s>" in the text is that token
};

struct ProfileOptions : Common {
  std::string model;  // path or preset
  std::string phase = "decode";
  int64_t batch = 1;
  int64_t context = 512;  // tokens in the cache, or of the prompt
  bool timeline = false;  // in the JSON: what each unit does when
  bool layers = false;    // a report by operator and layer
};

struct ClassifyOptions : Common {
  std::string model;               // path, or random:PRESET
  std::vector<std::string> audio;  // WAVE files
  std::string labels;              // file, a name a line; "": the model's
  uint64_t seed = 0;
};

struct OpOptions : Common {
  std::string kind;
  std::vector<std::string> spec;  // "m=512"
};

struct BenchOptions : Common {
  std::string op;
  std::vector<std::string> spec;   // "dtype=bf16"
  std::vector<std::string> peers;  // names, or "all"
  std::string svg;                 // file, "" for none
  double seconds = 0.3;            // of timing, for each side of each shape
  bool cold = false;               // operands in no cache
  bool unsteady = false;           // measure on a busy machine, too
};

struct AccuracyOptions : Common {
  std::string model, tokenizer, text;
  int self_tokens = 256;  // without a text
  std::string protocol = "story";
  int context = 256;            // tokens of a chunk of the llama.cpp protocol
  std::string record, against;  // files of the reference's logits
  uint64_t seed = 0;
  int seeds = 1;            // repetitions with other noise
  bool operators = false;   // errors of each
  bool attribute = false;   // which operator costs the KL
  int detail_tokens = 256;  // of the text, for these two
  int drill = 1;            // operators attributed layer by layer
  std::string baseline, junit, reason;
  bool accept = false;
};

struct GateOptions : Common {
  std::string suite;
  std::string baseline, reason;
  bool accept = false;
  std::string old, now;  // programs or targets
  std::vector<std::string> old_set, new_set;
  int repeat = 1;      // runs of each, in turn, for host times
  bool exact = false;  // of old and new every bit
  std::optional<uint64_t> seed;
  std::string junit, markdown, measure;  // files, "" for none
  bool annotations = false;
};

struct ValidateOptions : Common {
  std::string target, table;
};

struct NpuCompileOptions : Common {  // npu compile
  std::string model;                  // path or preset; "" is the default model
  std::string phase = "decode";
  int64_t batch = 1;
  int64_t tokens = 512;   // of a prompt
  int64_t context = 512;  // in the caches, of a decoding step
  std::string output;
  bool no_data = false;  // commands alone
};

struct NpuFileOptions : Common {  // npu info, disasm, asm
  std::string file, output;
};

struct NpuRunOptions : Common {  // npu run
  std::string file;
  std::vector<int32_t> ids;  // token ids for a stream that takes them
};

struct NpuTopologyOptions : Common {  // npu topology
  std::string file;
  std::string config;                  // SCALE-Sim's ini; "" for its defaults
  std::vector<int64_t> arrays;         // sides; none: as the configuration says
  std::vector<std::string> dataflows;  // ws, os, is; none: the same
};

struct HilServeOptions : Common {
  std::string listen;       // unix:PATH or tcp:HOST:PORT
  bool model = false;       // models alone
  std::string rtl = "all";  // or which slices or tiles
  bool once = false;        // one host, then no more
};

struct SweepOptions : Common {
  std::string study, db;
  std::string shard;               // "0/8"; "" is all
  std::vector<std::string> retry;  // statuses
  bool refine = false;
};

struct SweepMergeOptions : Common {
  std::string out;
  std::vector<std::string> in;
};

struct SweepExportOptions : Common {
  std::string db, csv, ndjson;
};

struct SweepShowOptions : Common {
  std::string db;
  uint32_t point = 0;
  std::string tier = "analytic";
};

struct SweepAnswersOptions : Common {
  std::string db;
  std::string join;  // axis whose levels become columns of one row; "": none
  std::vector<std::string> bounds;   // "ttft_s<=0.5"
  std::string best;                  // column; "+column" to maximise it
  std::vector<std::string> outputs;  // to explain; none: the objectives
};

struct SweepSearchOptions : Common {
  std::string study;
  int population = 100, generations = 100;
  uint64_t seed = 1;
};

struct SweepServeOptions : Common {
  std::string study;
  bool refine = false;  // answers of the detailed tier
};

struct SweepSubmitOptions : Common {  // sweep submit
  std::string study, db;
  bool slurm = false;  // the scheduler; the only one there is
  int tasks = 16, cpus = 1;
  std::string partition, time;  // "": the cluster's defaults
  bool wait = false;
  double poll_s = 5;
};

struct ReportOptions : Common {
  std::vector<std::string> inputs;
  std::string output;  // HTML; "" prints to the terminal
  std::string svg;     // folder for pictures, "" for none
};

struct InspectOptions : Common {
  std::string file;
  bool tensors = false;  // list them all
};

struct ExportOptions : Common {
  std::string model, tokenizer;
  std::string output;          // what its name ends in says what is written
  std::string dtype = "bf16";  // of matrices in a GGUF file
};

struct ListOptions : Common {
  std::string what;
};

// Each returns its exit code; an Error is the user's and exits with kUsage.
Result<int> RunCommand(const GenerateOptions& options);
Result<int> CompareCommand(const GenerateOptions& options);
Result<int> TokenizeCommand(const TokenizeOptions& options);
Result<int> ProfileCommand(const ProfileOptions& options);
Result<int> ClassifyCommand(const ClassifyOptions& options);
Result<int> OpCommand(const OpOptions& options);
Result<int> BenchCommand(const BenchOptions& options);
Result<int> AccuracyCommand(const AccuracyOptions& options);
Result<int> GateCommand(const GateOptions& options);
Result<int> ValidateCommand(const ValidateOptions& options);
Result<int> NpuCompileCommand(const NpuCompileOptions& options);
Result<int> NpuInfoCommand(const NpuFileOptions& options);
Result<int> NpuDisasmCommand(const NpuFileOptions& options);
Result<int> NpuAsmCommand(const NpuFileOptions& options);
Result<int> NpuRunCommand(const NpuRunOptions& options);
Result<int> NpuTopologyCommand(const NpuTopologyOptions& options);
Result<int> HilServeCommand(const HilServeOptions& options);
Result<int> SweepCommand(const SweepOptions& options);
Result<int> SweepMergeCommand(const SweepMergeOptions& options);
Result<int> SweepExportCommand(const SweepExportOptions& options);
Result<int> SweepShowCommand(const SweepShowOptions& options);
Result<int> SweepAnswersCommand(const SweepAnswersOptions& options);
Result<int> SweepSearchCommand(const SweepSearchOptions& options);
Result<int> SweepServeCommand(const SweepServeOptions& options);
Result<int> SweepSubmitCommand(const SweepSubmitOptions& options);
Result<int> ReportCommand(const ReportOptions& options);
Result<int> InspectCommand(const InspectOptions& options);
Result<int> ExportCommand(const ExportOptions& options);
Result<int> ListCommand(const ListOptions& options);

}  // namespace triptych::cli

#endif  // TRIPTYCH_TOOLS_CLI_OPTIONS_H_
