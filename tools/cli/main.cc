// triptych: one transformer graph on many machines.
//
// This file is the command line and nothing else; what a command does is in
// the file of its name.
// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "kernels/base/log.h"
#include "tools/cli/export.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/tile.h"

namespace triptych::cli {
namespace {

void AddCommon(CLI::App* app, Common& o, bool several_targets) {
  auto* targets = app->add_option(
      "-t,--target", o.targets,
      several_targets ? "targets, comma separated: name, name:preset or a TOML"
                      : "target: name, name:preset or a path to a TOML");
  targets->allow_extra_args(false);
  if (several_targets) targets->delimiter(',');
  app->add_option("--set", o.set,
                  "override a parameter: key=value, or target:key=value")
      ->allow_extra_args(false);
  app->add_option("--json", o.json, "write results as JSON; - is stdout");
  app->add_option("--threads", o.threads, "host threads (default: all)")
      ->check(CLI::Range(1, 1024));
}

void AddTrace(CLI::App* app, Common& o) {
  auto* trace =
      app->add_option("--trace", o.trace,
                      "write a timeline, to open at https://ui.perfetto.dev");
  app->add_option("--trace-format", o.trace_format,
                  "auto (perfetto for *.pftrace or over a million slices), "
                  "json or perfetto")
      ->check(CLI::IsMember({"auto", "json", "perfetto"}))
      ->needs(trace);
}

void AddGenerate(CLI::App* app, GenerateOptions& o, bool several) {
  AddCommon(app, o, several);
  app->add_option("-m,--model", o.model,
                  "model file, or random:PRESET (default: the shipped)");
  app->add_option("--tokenizer", o.tokenizer,
                  "tokenizer file, for formats without one inside");
  app->add_option("-p,--prompt", o.prompt, "text to continue");
  app->add_flag("--layers", o.layers,
                "report by operator and layer: where time and energy go, "
                "and how far each is from f32");
  app->add_option("-n,--predict", o.tokens, "tokens to generate")
      ->check(CLI::Range(1, 1 << 20));
  app->add_option("-s,--seed", o.sampling.seed, "seed of sampling and noise");
  app->add_option("--temp", o.sampling.temperature, "0 is greedy")
      ->check(CLI::Range(0.0, 100.0));
  app->add_option("--top-k", o.sampling.top_k, "0 is all")
      ->check(CLI::NonNegativeNumber);
  app->add_option("--top-p", o.sampling.top_p, "1 is all")
      ->check(CLI::Range(0.0, 1.0));
  AddTrace(app, o);
}

// What the command line asks for.
using Chosen = std::function<Result<int>()>;

// A subcommand and where its options go; they live as long as the parser.
template <class Options>
struct Subcommand {
  CLI::App* app;
  Options& options;
};

template <class Options>
Subcommand<Options> Command(CLI::App& app, const std::string& name,
                            const std::string& about,
                            Result<int> (*run)(const Options&),
                            Chosen& chosen) {
  auto owned = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(name, about);
  command->callback([owned, run, command, &chosen] {
    if (!command->get_subcommands().empty()) return;  // that one is chosen
    chosen = [owned, run]() -> Result<int> {
      TRIPTYCH_TRY(CheckWritable(owned->json));
      TRIPTYCH_TRY(CheckWritable(owned->trace));
      return run(*owned);
    };
  });
  return {command, *owned};
}

void AddGenerators(CLI::App& app, Chosen& chosen) {
  const auto run =
      Command(app, "run", "generate text on one target", RunCommand, chosen);
  AddGenerate(run.app, run.options, false);
  auto* chat = run.app->add_flag(
      "--chat", run.options.chat,
      "the prompt is a user's turn; stop where the answer ends");
  run.app
      ->add_option("--chat-template", run.options.chat_template,
                   "by name, instead of the one in the model")
      ->needs(chat);
  const auto compare =
      Command(app, "compare", "the same graph on each target, side by side",
              CompareCommand, chosen);
  AddGenerate(compare.app, compare.options, true);
}

void AddTokenize(CLI::App& app, Chosen& chosen) {
  const auto [tokenize, o] =
      Command(app, "tokenize", "the tokens of a text", TokenizeCommand, chosen);
  tokenize->add_option("-m,--model", o.model,
                       "model, or a tokenizer's file (default: the shipped)");
  auto* prompt = tokenize->add_option("-p,--prompt", o.prompt, "text");
  tokenize->add_option("--text", o.text, "text file")->excludes(prompt);
  tokenize->add_flag("--control", o.control,
                     "text that reads like a control token becomes one");
  tokenize->add_option("--json", o.json, "write results as JSON; - is stdout");
}

void AddClassify(CLI::App& app, Chosen& chosen) {
  const auto [classify, o] =
      Command(app, "classify", "what is said in sounds, target by target",
              ClassifyCommand, chosen);
  AddCommon(classify, o, true);
  classify
      ->add_option("-m,--model", o.model,
                   "model of sounds (TFLite, ONNX), or random:PRESET")
      ->required();
  classify
      ->add_option("--audio", o.audio, "WAVE files, comma separated")
      ->delimiter(',')
      ->required();
  classify->add_option("--labels", o.labels,
                       "file with the name of a class a line (default: Speech "
                       "Commands' 12, or numbers)");
  classify->add_option("-s,--seed", o.seed, "seed of noise");
  AddTrace(classify, o);
}

void AddProfile(CLI::App& app, Chosen& chosen) {
  const auto [profile, o] =
      Command(app, "profile", "time a model by shape; no weights needed",
              ProfileCommand, chosen);
  AddCommon(profile, o, true);
  profile->add_option("-m,--model", o.model, "model file or shape preset");
  profile->add_option("--phase", o.phase, "prefill, decode or encode")
      ->check(CLI::IsMember({"prefill", "decode", "encode"}));
  profile->add_option("--batch", o.batch, "sequences")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  profile
      ->add_option("--context", o.context,
                   "tokens in the cache (decode) or in the prompt (prefill)")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 24));
  AddTrace(profile, o);
  profile->add_flag("--layers", o.layers,
                    "report by operator and layer: where time and energy go");
  profile->add_flag("--timeline", o.timeline,
                    "what each unit does when, in the JSON (for report)");
}

void AddAccuracy(CLI::App& app, Chosen& chosen) {
  const auto [accuracy, o] =
      Command(app, "accuracy", "NLL, perplexity, KL and top-1 against f64",
              AccuracyCommand, chosen);
  AddCommon(accuracy, o, true);
  accuracy->add_option("-m,--model", o.model, "model file, or random:PRESET");
  accuracy->add_option("--tokenizer", o.tokenizer, "tokenizer file");
  auto* text = accuracy->add_option("--text", o.text, "text file");
  accuracy
      ->add_option("--self", o.self_tokens,
                   "score text that the reference makes, so many tokens")
      ->check(CLI::Range(1, 1 << 20))
      ->excludes(text);
  accuracy->add_option("--protocol", o.protocol, "story or llama.cpp")
      ->check(CLI::IsMember({"story", "llama.cpp"}));
  accuracy->add_option("--context", o.context, "tokens of a chunk")
      ->check(CLI::Range(4, 1 << 20));
  accuracy->add_option("-s,--seed", o.seed, "seed of noise");
  accuracy
      ->add_option("--seeds", o.seeds,
                   "repetitions with other noise, for an interval")
      ->check(CLI::Range(1, 1000));
  auto* record = accuracy->add_option("--record", o.record,
                                      "write the reference's logits");
  accuracy
      ->add_option("--against", o.against,
                   "take the reference's logits from such a file")
      ->excludes(record);
  accuracy->add_flag("--operators", o.operators,
                     "error of each operator, its own and propagated");
  accuracy->add_flag("--attribute", o.attribute,
                     "KL with each operator alone on the target, and alone "
                     "on the host");
  accuracy
      ->add_option("--detail-tokens", o.detail_tokens,
                   "tokens of the text for --operators and --attribute")
      ->check(CLI::Range(1, 1 << 20));
  accuracy
      ->add_option("--drill", o.drill,
                   "costliest operators to attribute layer by layer")
      ->check(CLI::Range(0, 1000));
  accuracy->add_option("--baseline", o.baseline, "JSON to compare with");
  auto* accept =
      accuracy->add_flag("--accept", o.accept, "rewrite the baseline");
  accuracy->add_option("--reason", o.reason, "why, kept in the baseline")
      ->needs(accept);
  accuracy->add_option("--junit", o.junit, "write JUnit XML");
}

void AddGate(CLI::App& app, Chosen& chosen) {
  const auto [gate, o] =
      Command(app, "gate",
              "measure a suite and compare it with a baseline, or an old "
              "build with a new one",
              GateCommand, chosen);
  AddCommon(gate, o, true);
  gate->add_option("suite", o.suite, "SUITE.toml")->required();
  auto* baseline =
      gate->add_option("--baseline", o.baseline, "JSON to compare with");
  auto* accept = gate->add_flag("--accept", o.accept, "rewrite the baseline")
                     ->needs(baseline);
  gate->add_option("--reason", o.reason, "why, kept in the baseline")
      ->needs(accept);
  gate->add_option("--old", o.old, "program, or target, to compare with")
      ->excludes(baseline);
  gate->add_option("--new", o.now, "program, or target, to be judged")
      ->excludes(baseline);
  gate->add_option("--old-set", o.old_set, "--set for the old alone")
      ->allow_extra_args(false)
      ->excludes(baseline);
  gate->add_option("--new-set", o.new_set, "--set for the new alone")
      ->allow_extra_args(false)
      ->excludes(baseline);
  gate->add_option("--repeat", o.repeat,
                   "runs of old and new in turn; 5 or more also compare host "
                   "times")
      ->check(CLI::Range(1, 1000));
  gate->add_flag("--exact", o.exact,
                 "old and new must give the same costs and the same bits");
  gate->add_option("-s,--seed", o.seed, "seed of noise, for all cases");
  gate->add_option("--junit", o.junit, "write JUnit XML");
  gate->add_option("--markdown", o.markdown,
                   "write a summary, for $GITHUB_STEP_SUMMARY");
  gate->add_flag("--annotations", o.annotations,
                 "print GitHub's ::error lines");
  gate->add_option("--measure", o.measure,
                   "write what was measured, and judge nothing");
}

void AddSubmit(CLI::App& sweep, Chosen& chosen) {
  const auto [submit, o] =
      Command(sweep, "submit", "a study as a job array on a cluster",
              SweepSubmitCommand, chosen);
  submit->add_option("study", o.study, "STUDY.toml")->required();
  submit->add_option("--db", o.db, "database to make")->required();
  submit->add_flag("--slurm", o.slurm, "to Slurm");
  submit->add_option("--tasks", o.tasks, "shards of the study")
      ->check(CLI::Range(1, 100000));
  submit->add_option("--cpus", o.cpus, "worker processes of each task")
      ->check(CLI::Range(1, 1024));
  submit->add_option("--partition", o.partition, "as sbatch takes it");
  submit->add_option("--time", o.time, "limit of a task, as sbatch takes it");
  submit->add_flag("--wait", o.wait, "follow the jobs until all is merged");
  submit->add_option("--poll", o.poll_s, "seconds between looks at the queue")
      ->check(CLI::Range(0.1, 3600.0));
  submit->add_option("--json", o.json, "write results as JSON; - is stdout");
}

void AddSweepAnswers(CLI::App& sweep, Chosen& chosen) {
  const auto [answers, a] =
      Command(sweep, "answers", "fronts, effects and choices of a database",
              SweepAnswersCommand, chosen);
  answers->add_option("db", a.db, "database")->required();
  answers->add_option("--join", a.join,
                      "axis whose levels are told in one row: 'phase', for "
                      "ttft_s and tpot_s of one machine together");
  answers->add_option("--meet", a.bounds,
                      "bounds on columns: 'ttft_s<=0.5', 'tokens_per_s>=20'");
  answers->add_option("--best", a.best,
                      "column to choose the best by; +column: the largest "
                      "(default: the first objective)");
  answers->add_option("--explain", a.outputs,
                      "columns to explain (default: the objectives)");
  answers->add_option("--json", a.json, "write results as JSON; - is stdout");
}

// Points chosen as answers come in.
void AddSweepSearch(CLI::App& sweep, Chosen& chosen) {
  const auto [search, s] =
      Command(sweep, "search", "guided search for the front, by NSGA-II",
              SweepSearchCommand, chosen);
  search->add_option("study", s.study, "STUDY.toml")->required();
  search->add_option("--population", s.population, "points of a generation")
      ->check(CLI::Range(8, 1 << 20));
  search->add_option("--generations", s.generations, "after the first")
      ->check(CLI::Range(0, 1 << 20));
  search->add_option("-s,--seed", s.seed, "seed of the search");
  search->add_option("--json", s.json, "write results as JSON; - is stdout");

  const auto [serve, v] = Command(
      sweep, "serve", "answer points asked for on stdin, a line of JSON each",
      SweepServeCommand, chosen);
  serve->add_option("study", v.study, "STUDY.toml")->required();
  serve->add_flag("--refine", v.refine, "walk each point in full");
}

void AddSweep(CLI::App& app, Chosen& chosen) {
  const auto [sweep, o] = Command(
      app, "sweep", "evaluate the points of a study", SweepCommand, chosen);
  sweep->add_option("study", o.study, "STUDY.toml");
  sweep->add_option("--db", o.db, "database to make or to go on with");
  sweep->add_option("--shard", o.shard, "I/N: one of N parts, I from 0");
  sweep->add_flag("--refine", o.refine,
                  "walk the band around the Pareto front in full");
  sweep
      ->add_option("--retry", o.retry,
                   "statuses to do again: invalid, oom, timeout, crash")
      ->delimiter(',');
  sweep->add_option("--json", o.json, "write results as JSON; - is stdout");
  sweep->add_option("--threads", o.threads, "worker processes (default: all)")
      ->check(CLI::Range(1, 1024));

  const auto merge = Command(*sweep, "merge", "several databases as one",
                             SweepMergeCommand, chosen);
  merge.app->add_option("out", merge.options.out, "database to make")
      ->required();
  merge.app->add_option("in", merge.options.in, "databases")->required();

  AddSubmit(*sweep, chosen);

  const auto exporting = Command(*sweep, "export", "a database as text",
                                 SweepExportCommand, chosen);
  exporting.app->add_option("db", exporting.options.db, "database")->required();
  exporting.app->add_option("--csv", exporting.options.csv,
                            "file to write; - is stdout");
  exporting.app->add_option("--ndjson", exporting.options.ndjson,
                            "the same, a point a line");

  const auto show =
      Command(*sweep, "show", "one point and its whole configuration",
              SweepShowCommand, chosen);
  show.app->add_option("db", show.options.db, "database")->required();
  show.app->add_option("--point", show.options.point, "its number")->required();
  show.app->add_option("--tier", show.options.tier, "analytic or detailed")
      ->check(CLI::IsMember({"analytic", "detailed"}));
  AddSweepAnswers(*sweep, chosen);
  AddSweepSearch(*sweep, chosen);
}

void AddMachineCommands(CLI::App& app, Chosen& chosen) {
  const auto op =
      Command(app, "op", "one operator or microbenchmark", OpCommand, chosen);
  AddCommon(op.app, op.options, true);
  op.app->add_option("kind", op.options.kind, "matmul, ...")->required();
  op.app->add_option("spec", op.options.spec, "m=512 k=512 n=512 ...");

  const auto [validate, v] =
      Command(app, "validate", "score a table of measured values",
              ValidateCommand, chosen);
  AddCommon(validate, v, false);
  validate->add_option("machine", v.target, "target[:preset]")->required();
  validate->add_option("table", v.table, "CSV file")->required();

  const auto [list, l] =
      Command(app, "list", "what there is", ListCommand, chosen);
  AddCommon(list, l, true);
  list->add_option("what", l.what,
                   "targets, presets, models, params, actions, kernels, ops")
      ->required()
      ->check(CLI::IsMember({"targets", "presets", "models", "params",
                             "actions", "kernels", "ops"}));
}

void AddNpuStreams(CLI::App& npu, Chosen& chosen) {
  const auto [compile, c] =
      Command(npu, "compile", "a phase of a model as a file of commands",
              NpuCompileCommand, chosen);
  AddCommon(compile, c, false);
  compile->add_option("-m,--model", c.model, "model file or shape preset");
  compile->add_option("--phase", c.phase, "prefill, decode or encode")
      ->check(CLI::IsMember({"prefill", "decode", "encode"}));
  compile->add_option("--batch", c.batch, "sequences")
      ->check(CLI::Range(1, 1 << 16));
  compile->add_option("--tokens", c.tokens, "tokens of a prompt")
      ->check(CLI::Range(1, 1 << 20));
  compile->add_option("--context", c.context, "tokens in the caches (decode)")
      ->check(CLI::Range(0, 1 << 20));
  compile->add_option("-o,--output", c.output, "F.tnpu")->required();
  compile->add_flag("--no-data", c.no_data, "leave the weights out");

  const auto info = Command(npu, "info", "what a file of commands holds",
                            NpuInfoCommand, chosen);
  info.app->add_option("file", info.options.file, "F.tnpu")->required();
  info.app->add_option("--json", info.options.json,
                       "write results as JSON; - is stdout");

  const auto disasm = Command(npu, "disasm", "a file of commands as text",
                              NpuDisasmCommand, chosen);
  disasm.app->add_option("file", disasm.options.file, "F.tnpu")->required();
  disasm.app->add_option("-o,--output", disasm.options.output,
                         "file to write (default: stdout)");

  const auto assemble = Command(npu, "asm", "a file of commands from text",
                                NpuAsmCommand, chosen);
  AddCommon(assemble.app, assemble.options, false);
  assemble.app->add_option("file", assemble.options.file, "F.txt")->required();
  assemble.app->add_option("-o,--output", assemble.options.output, "F.tnpu")
      ->required();

  const auto run = Command(
      npu, "run", "time and energy of a file of commands; values if it has any",
      NpuRunCommand, chosen);
  AddCommon(run.app, run.options, false);
  run.app->add_option("file", run.options.file, "F.tnpu")->required();
  run.app->add_option("--ids", run.options.ids, "token ids, comma separated")
      ->delimiter(',');
  run.app->add_option("--trace", run.options.trace,
                      "write a timeline, to open at https://ui.perfetto.dev");
}

void AddNpuTopology(CLI::App& npu, Chosen& chosen) {
  const auto [topology, o] =
      Command(npu, "topology", "time a SCALE-Sim topology file as that does",
              NpuTopologyCommand, chosen);
  topology->add_option("file", o.file, "CSV: convolutions, or M, N, K")
      ->required();
  topology->add_option("--config", o.config,
                       "SCALE-Sim's configuration (default: 32 x 32, ws, all "
                       "the bandwidth it takes)");
  topology
      ->add_option("--array", o.arrays,
                   "sides of square arrays, instead of the configuration's")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 16));
  topology
      ->add_option("--dataflow", o.dataflows,
                   "ws, os, is, instead of the configuration's")
      ->delimiter(',')
      ->check(CLI::IsMember({"ws", "os", "is"}));
  topology->add_option("--json", o.json, "write results as JSON; - is stdout");
}

void AddNpu(CLI::App& app, Chosen& chosen) {
  CLI::App* npu = app.add_subcommand("npu", "what the NPU alone can do");
  npu->require_subcommand(1);
  AddNpuStreams(*npu, chosen);
  AddNpuTopology(*npu, chosen);
}

void AddTile(CLI::App& app, Chosen& chosen) {
  CLI::App* tile = app.add_subcommand("tile", "programs for the mesh's tiles");
  tile->require_subcommand(1);
  const auto [run, o] = Command(*tile, "run", "a RISC-V program on mesh tiles",
                                TileRunCommand, chosen);
  AddCommon(run, o, false);
  run->add_option("file", o.file, "ELF of a program (kernels/tile)")
      ->required();
  run->add_option("--grid", o.grid, "columns x rows of tiles (default: 1x1)");
  run->add_option("--args", o.args,
                  "words for the program, comma separated: 12, 0x30, 0.5")
      ->delimiter(',')
      ->allow_extra_args(false);
  run->add_option("--load", o.loads,
                  "l1:C,R:ADDRESS=FILE or dram:BANK:ADDRESS=FILE, before it")
      ->allow_extra_args(false);
  run->add_option("--dump", o.dumps,
                  "l1:C,R:ADDRESS:BYTES=FILE or dram:..., after it")
      ->allow_extra_args(false);
  run->add_flag("--timing-only", o.timing_only,
                "the same cycles, without values");
  run->add_option("--budget", o.budget, "cycles, after which it has failed");
  run->add_option("--trace", o.trace,
                  "write a timeline, to open at https://ui.perfetto.dev");
}

void AddHil(CLI::App& app, Chosen& chosen) {
  CLI::App* hil = app.add_subcommand("hil", "hardware in the loop");
  hil->require_subcommand(1);
  const auto [serve, o] =
      Command(*hil, "serve", "offer the optical core's converters on a socket",
              HilServeCommand, chosen);
  serve->add_option("--listen", o.listen, "unix:PATH or tcp:HOST:PORT")
      ->required();
  auto* model = serve->add_flag("--model", o.model, "by their models");
  serve
      ->add_option("--rtl", o.rtl,
                   "by their RTL (default): all, slices:0-3,8 or tiles:2")
      ->expected(0, 1)
      ->excludes(model);
  serve->add_flag("--once", o.once, "end when the first host has left");
  serve->add_option("--json", o.json, "write results as JSON; - is stdout");
}

void AddModelFiles(CLI::App& app, Chosen& chosen) {
  const auto [inspect, i] =
      Command(app, "inspect", "look into a model file", InspectCommand, chosen);
  inspect
      ->add_option("file", i.file,
                   "GGUF, llama2.c, TFLite or safetensors file, or the "
                   "directory of a Hugging Face checkpoint")
      ->required();
  inspect->add_flag("--tensors", i.tensors, "list every tensor");
  inspect->add_option("--json", i.json, "write results as JSON; - is stdout");

  const auto [exporting, o] =
      Command(app, "export", "write a model, or a picture of its graph",
              ExportCommand, chosen);
  exporting->add_option("-m,--model", o.model,
                        "model file or shape preset (default: the shipped)");
  exporting->add_option("--tokenizer", o.tokenizer,
                        "tokenizer file, for formats without one inside");
  exporting->add_option("-o,--output", o.output, ExportEndings())->required();
  exporting->add_option("--dtype", o.dtype,
                        "type of the matrices in a GGUF file");
  exporting->add_option("--json", o.json, "write results as JSON; - is stdout");
}

void AddReport(CLI::App& app, Chosen& chosen) {
  const auto [report, o] =
      Command(app, "report", "pictures of what other commands wrote",
              ReportCommand, chosen);
  report
      ->add_option("inputs", o.inputs,
                   "JSON of run, compare, profile, validate, accuracy, or "
                   "results of a sweep")
      ->required();
  report->add_option("-o,--output", o.output,
                     "write one HTML page (default: print to the terminal)");
  report->add_option("--svg", o.svg, "write each picture into this folder");
  report->add_option("--json", o.json, "list the pictures; - is stdout");
}

void AddBench(CLI::App& app, Chosen& chosen) {
  const auto [bench, o] =
      Command(app, "bench", "kernels on this host, the roof and peers",
              BenchCommand, chosen);
  bench->add_option("op", o.op, "matmul, attention, ...")->required();
  bench->add_option("spec", o.spec,
                    "dtype=bf16, or variant=NAME; shapes=square,odd,"
                    "llama-3.2-1b,llama-3.2-1b-head,small; or m=16 n=2048,768 "
                    "k=2048");
  bench
      ->add_option("--peers", o.peers,
                   "onednn, openblas, blis, libxsmm, eigen; or all")
      ->delimiter(',')
      ->allow_extra_args(false);
  o.threads = 1;
  bench->add_option("--threads", o.threads, "of every side (default: 1)")
      ->check(CLI::Range(1, 1024));
  bench->add_option("--seconds", o.seconds, "a side and shape (default: 0.3)")
      ->check(CLI::Range(0.001, 60.0));
  bench->add_flag("--cold", o.cold, "operands that no cache holds");
  bench->add_flag("--unsteady", o.unsteady,
                  "measure on a busy machine, too, and say so");
  bench->add_option("--json", o.json, "write results as JSON; - is stdout");
  bench->add_option("--svg", o.svg, "write a roofline picture");
}

// Names the commands there are, which the parser's own message does not.
bool IsKnownCommand(const CLI::App& app, const std::string& word) {
  std::string known;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == word) return true;
    known += (known.empty() ? "" : ", ") + command->get_name();
  }
  std::fprintf(stderr, "triptych: %s: no such command; allowed: %s\n",
               word.c_str(), known.c_str());
  return false;
}

}  // namespace
}  // namespace triptych::cli

int main(int argc, char** argv) {
  CLI::App app("triptych: one transformer graph on many machines");
  app.require_subcommand(1);
  app.set_version_flag("--version", "triptych " TRIPTYCH_VERSION);
  bool verbose = false;
  app.add_flag("-v,--verbose", verbose, "say more on stderr");
  triptych::cli::Chosen chosen;
  triptych::cli::AddGenerators(app, chosen);
  triptych::cli::AddTokenize(app, chosen);
  triptych::cli::AddClassify(app, chosen);
  triptych::cli::AddProfile(app, chosen);
  triptych::cli::AddAccuracy(app, chosen);
  triptych::cli::AddGate(app, chosen);
  triptych::cli::AddMachineCommands(app, chosen);
  triptych::cli::AddNpu(app, chosen);
  triptych::cli::AddTile(app, chosen);
  triptych::cli::AddHil(app, chosen);
  triptych::cli::AddBench(app, chosen);
  triptych::cli::AddSweep(app, chosen);
  triptych::cli::AddReport(app, chosen);
  triptych::cli::AddModelFiles(app, chosen);
  if (argc > 1 && argv[1][0] != '-' &&
      !triptych::cli::IsKnownCommand(app, argv[1])) {
    return triptych::cli::kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error);
    return status == 0 ? 0 : triptych::cli::kUsage;
  }
  if (verbose) triptych::SetLogLevel(triptych::LogLevel::kInfo);
  const triptych::Result<int> status = chosen();
  if (status) return *status;
  std::fprintf(stderr, "triptych: %s\n", status.error().message.c_str());
  return triptych::cli::kUsage;
}
