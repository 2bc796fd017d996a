// npu compile, info, disasm, asm, run: a phase of a model as commands of the
// NPU, and such files looked into and run.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "emulators/npu/compile/program.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/text.h"
#include "emulators/npu/isa/tnpu.h"
#include "emulators/npu/machine/timing.h"
#include "emulators/target.h"
#include "models/mapped_file.h"
#include "tools/cli/model_source.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"
#include "tools/cli/table.h"

namespace triptych::cli {
namespace {

using nlohmann::json;

// The machine that `-t npu:preset` and `--set` name.
Result<npu::Params> MachineOf(const Common& o) {
  const std::string spec = TargetsOr(o, {"npu"}).front();
  TRIPTYCH_ASSIGN(const TargetSource source,
                  ReadTarget(spec, OverridesFor(spec, o.set)));
  if (source.entry->name != "npu") {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("-t: {} has no such commands; allowed npu, "
                                 "npu:PRESET or a TOML of one",
                                 spec));
  }
  npu::Params params;
  TRIPTYCH_TRY(LoadParams(source.config, params));
  ApplyFidelity(params);
  return params;
}

// A file's stream, and the mapping that its data point into.
struct Opened {
  MappedFile file;
  npu::Tnpu tnpu;
};
Result<Opened> OpenTnpu(const std::string& path) {
  TRIPTYCH_ASSIGN(MappedFile file, MappedFile::Open(path));
  TRIPTYCH_ASSIGN(npu::Tnpu tnpu, npu::ParseTnpu(file.bytes(), path));
  return Opened{std::move(file), std::move(tnpu)};
}

size_t CommandBytes(const npu::Tnpu& tnpu) {
  return tnpu.commands.size() * sizeof(npu::Command);
}

int64_t DataBytes(const npu::Tnpu& tnpu) {
  int64_t bytes = 0;
  for (const auto& piece : tnpu.data) {
    bytes += static_cast<int64_t>(piece.bytes.size());
  }
  return bytes;
}

json MachineJson(const npu::MachineSize& m) {
  json regions;
  for (size_t r = 1; r < npu::kRegions; ++r) {
    regions[npu::RegionNames()[r]] = m.region_bytes[r];
  }
  return {{"cores", m.cores},
          {"array_rows", m.array_rows},
          {"array_cols", m.array_cols},
          {"scratchpad_bytes", m.scratchpad_bytes},
          {"accumulator_rows", m.accumulator_rows},
          {"l2_bytes", m.l2_bytes},
          {"region_bytes", regions}};
}

json SizesJson(const npu::Tnpu& tnpu) {
  std::map<std::string, int64_t> opcodes;
  for (const npu::Command& c : tnpu.commands) {
    ++opcodes[std::string(npu::InfoOf(c.opcode).name)];
  }
  return {{"commands", tnpu.commands.size()},
          {"command_bytes", CommandBytes(tnpu)},
          {"opcodes", opcodes},
          {"labels", tnpu.labels.size()},
          {"marks", tnpu.marks.size()},
          {"data_bytes", DataBytes(tnpu)},
          {"machine", MachineJson(tnpu.machine)},
          {"notes", tnpu.notes}};
}

std::string SizesText(const npu::Tnpu& tnpu) {
  const npu::MachineSize& m = tnpu.machine;
  std::string text = fmt::format(
      "{} commands, {} bytes ({:.1f} KiB)\n"
      "machine: {} cores of {} x {}, {} KiB scratchpad, {} accumulator rows, "
      "{} KiB L2\n",
      tnpu.commands.size(), CommandBytes(tnpu),
      static_cast<double>(CommandBytes(tnpu)) / 1024, m.cores, m.array_rows,
      m.array_cols, m.scratchpad_bytes / 1024, m.accumulator_rows,
      m.l2_bytes / 1024);
  for (size_t r = 1; r < npu::kRegions; ++r) {
    text += fmt::format("region {:<12}{}\n", npu::RegionNames()[r],
                        Si(static_cast<double>(m.region_bytes[r]), "B"));
  }
  text += fmt::format("data in the file: {}\n",
                      Si(static_cast<double>(DataBytes(tnpu)), "B"));
  for (const auto& [key, note] : tnpu.notes) {
    text += fmt::format("{}: {}\n", key, note);
  }
  std::map<npu::Opcode, int64_t> count;
  for (const npu::Command& c : tnpu.commands) ++count[c.opcode];
  Table table({"command", "count"});
  for (const auto& [opcode, n] : count) {
    table.Add({std::string(npu::InfoOf(opcode).name), std::to_string(n)});
  }
  return text + "\n" + table.Text();
}

// ---- run ----

struct EnergyRow {
  npu::Act act;
  double npu::EnergyParams::*pj;
};
constexpr EnergyRow kEnergies[] = {
    {npu::Act::kCommand, &npu::EnergyParams::command},
    {npu::Act::kMac, &npu::EnergyParams::mac_int8},
    {npu::Act::kPaddingMac, &npu::EnergyParams::mac_int8},
    {npu::Act::kScratchpadByte, &npu::EnergyParams::scratchpad_byte},
    {npu::Act::kAccumulatorByte, &npu::EnergyParams::accumulator_byte},
    {npu::Act::kL2Byte, &npu::EnergyParams::l2_byte},
    {npu::Act::kDramByte, &npu::EnergyParams::dram_byte},
    {npu::Act::kDramActivation, &npu::EnergyParams::dram_activation},
    {npu::Act::kVectorOp, &npu::EnergyParams::vector_op},
    {npu::Act::kSpecialOp, &npu::EnergyParams::special_op},
};
static_assert(std::size(kEnergies) == npu::kActs);

// Writes what every command had the machine do, as Chrome's trace events: a
// track for each part of each core.
class TraceSink : public npu::WorkSink {
 public:
  TraceSink(const npu::Tnpu& tnpu, double us_per_cycle, std::ostream& out)
      : tnpu_(tnpu), us_(us_per_cycle), out_(out) {
    out_ << R"({"displayTimeUnit":"ns","traceEvents":[)";
    for (int core = 0; core <= tnpu.machine.cores; ++core) {
      const bool shared = core == tnpu.machine.cores;
      Name("process_name", core, 0,
           shared ? std::string("shared") : fmt::format("core {}", core));
      for (int part = shared ? npu::kCoreParts : 0;
           part < (shared ? npu::kParts : npu::kCoreParts); ++part) {
        Name("thread_name", core, part,
             std::string(NameOf(static_cast<npu::Part>(part))));
      }
    }
  }
  void Add(const npu::Work& work) override {
    if (work.end <= work.begin) return;
    const auto part = static_cast<int>(work.part);
    const bool shared = part >= npu::kCoreParts;
    const auto mark = tnpu_.marks.find(work.mark);
    const npu::Command& command = tnpu_.commands[work.command];
    Write({{"ph", "X"},
           {"pid", shared ? tnpu_.machine.cores : int{work.core}},
           {"tid", part},
           {"ts", static_cast<double>(work.begin) * us_},
           {"dur", static_cast<double>(work.end - work.begin) * us_},
           {"name", npu::InfoOf(command.opcode).name},
           {"args",
            {{"node", mark == tnpu_.marks.end() ? "" : mark->second},
             {"command", work.command}}}});
  }
  void Finish() { out_ << "]}\n"; }

 private:
  void Name(const char* what, int pid, int tid, const std::string& name) {
    Write({{"ph", "M"},
           {"pid", pid},
           {"tid", tid},
           {"name", what},
           {"args", {{"name", name}}}});
  }
  void Write(const json& event) {
    if (!first_) out_ << ",\n";
    first_ = false;
    out_ << event.dump();
  }
  const npu::Tnpu& tnpu_;
  double us_;
  std::ostream& out_;
  bool first_ = true;
};

// That the file was made for the machine that is to run it.
Status CheckMachine(const npu::Tnpu& tnpu, const npu::Params& params,
                    const std::string& path) {
  const npu::MachineSize mine = SizeOf(params, tnpu.machine.region_bytes);
  const npu::MachineSize& file = tnpu.machine;
  if (mine.cores == file.cores && mine.array_rows == file.array_rows &&
      mine.array_cols == file.array_cols &&
      mine.scratchpad_bytes == file.scratchpad_bytes &&
      mine.accumulator_rows == file.accumulator_rows &&
      mine.l2_bytes == file.l2_bytes) {
    return {};
  }
  return MakeError(
      ErrorCode::kInvalid,
      fmt::format("{}: made for {} cores of {} x {} with {} KiB scratchpads, "
                  "not for this machine ({} of {} x {}, {} KiB); allowed are "
                  "the sizes it was compiled for",
                  path, file.cores, file.array_rows, file.array_cols,
                  file.scratchpad_bytes / 1024, mine.cores, mine.array_rows,
                  mine.array_cols, mine.scratchpad_bytes / 1024));
}

double CpuSeconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// The label that a note names: rows of words among the activations. Null
// without such a note; notes are free text, so a name may be of anything.
Result<const npu::Label*> NotedLabel(const npu::Tnpu& tnpu,
                                     const std::string& note) {
  const auto name = tnpu.notes.find(note);
  if (name == tnpu.notes.end()) return nullptr;
  const auto label =
      std::ranges::find(tnpu.labels, name->second, &npu::Label::name);
  if (label == tnpu.labels.end() ||
      label->region != npu::Region::kActivations ||
      label->bytes % sizeof(float) != 0) {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("note '{}': '{}'; allowed is a label of whole "
                                 "words among the activations",
                                 note, name->second));
  }
  return &*label;
}

// Brings a mapped file's pages in: that is the disk's time, not the machine's.
void Touch(std::span<const npu::Piece> pieces) {
  constexpr int64_t kPage = 4096;
  for (const npu::Piece& piece : pieces) {
    for (int64_t at = 0; at < piece.bytes; at += kPage) {
      static_cast<void>(*static_cast<volatile std::byte*>(piece.data + at));
    }
  }
}

// What a stream computed, and how long that took.
struct Values {
  std::vector<float> output;  // if the notes say where it is
  double cpu_s = 0;
};

// Runs the stream on a memory of zeros but for the file's data and the ids.
Result<Values> RunValues(const npu::Tnpu& tnpu, const npu::Stream& stream,
                         const NpuRunOptions& o) {
  npu::Memory memory(tnpu.machine);
  const auto zeros = [&](npu::Region region) {
    return std::vector<std::byte>(static_cast<size_t>(
        tnpu.machine.region_bytes[static_cast<size_t>(region)]));
  };
  auto cache = zeros(npu::Region::kCache);
  auto activations = zeros(npu::Region::kActivations);
  for (const auto region : {npu::Region::kWeights, npu::Region::kConstants}) {
    const auto pieces = tnpu.Pieces(region);
    Touch(pieces);
    memory.Bind(region, pieces);
  }
  memory.Bind(npu::Region::kCache, {npu::WritablePiece(0, cache)});
  memory.Bind(npu::Region::kActivations, {npu::WritablePiece(0, activations)});
  if (!o.ids.empty()) {
    TRIPTYCH_ASSIGN(const npu::Label* const ids, NotedLabel(tnpu, "ids"));
    if (ids == nullptr || ids->bytes != 4 * o.ids.size()) {
      return MakeError(
          ErrorCode::kInvalid,
          fmt::format("--ids: {} are given; allowed {}", o.ids.size(),
                      ids == nullptr ? 0 : ids->bytes / 4));
    }
    std::ranges::copy(
        std::as_bytes(std::span(o.ids)),
        activations.begin() + static_cast<std::ptrdiff_t>(ids->offset));
  }
  TRIPTYCH_ASSIGN(const npu::Label* const out, NotedLabel(tnpu, "output"));
  Values values;
  const double start = CpuSeconds();
  TRIPTYCH_TRY(npu::Execute(stream, memory, {.threads = ThreadsOf(o)}));
  values.cpu_s = CpuSeconds() - start;
  if (out == nullptr) return values;
  values.output.resize(out->bytes / sizeof(float));
  std::ranges::copy(std::span(activations)
                        .subspan(static_cast<size_t>(out->offset), out->bytes),
                    std::as_writable_bytes(std::span(values.output)).begin());
  return values;
}

// The last row's largest outputs, first the largest.
json TopJson(const std::vector<float>& values, const npu::Tnpu& tnpu) {
  json top = json::array();
  const auto note = tnpu.notes.find("output_cols");
  if (values.empty() || note == tnpu.notes.end()) return top;
  size_t cols = 0;  // stays so if the note is no number
  std::from_chars(note->second.data(),
                  note->second.data() + note->second.size(), cols);
  cols = std::min(cols, values.size());
  const auto row = std::span(values).last(cols);
  std::vector<size_t> order(cols);
  for (size_t i = 0; i < cols; ++i) order[i] = i;
  const size_t most = std::min<size_t>(cols, 5);
  std::ranges::partial_sort(order, order.begin() + static_cast<int>(most), {},
                            [&](size_t i) { return -row[i]; });
  for (size_t i = 0; i < most; ++i) {
    top.push_back({{"index", order[i]}, {"value", row[order[i]]}});
  }
  return top;
}

json ReportJson(const npu::TimingReport& r, const npu::Params& params) {
  const double seconds = static_cast<double>(r.cycles) / params.clock.value;
  json counts, energy, busy, stalls;
  double total = params.energy.leakage_w * seconds;
  energy["leakage"] = total;
  for (const EnergyRow& row : kEnergies) {
    const std::string name(NameOf(row.act));
    const double joules =
        static_cast<double>(r[row.act]) * (params.energy.*row.pj) * 1e-12;
    counts[name] = r[row.act];
    energy[name] = joules;
    total += joules;
  }
  for (int part = 0; part < npu::kCoreParts; ++part) {
    int64_t most = 0;
    for (size_t c = 0; c < r.cores.size(); ++c) {
      most = std::max(
          most, r.busy(static_cast<int>(c), static_cast<npu::Part>(part)));
    }
    busy[std::string(NameOf(static_cast<npu::Part>(part)))] = most;
  }
  busy["l2"] = r.l2_busy;
  busy["dram"] = r.dram_busy;
  for (int q = 1; q < npu::kQueues; ++q) {
    static constexpr const char* kNames[] = {"front_end", "load", "matrix",
                                             "vector", "store"};
    for (int s = 0; s < npu::kStalls; ++s) {
      stalls[kNames[q]][std::string(NameOf(static_cast<npu::Stall>(s)))] =
          r.stalled(0, static_cast<npu::Queue>(q), static_cast<npu::Stall>(s));
    }
  }
  return {{"cycles", r.cycles},
          {"seconds", seconds},
          {"energy_j", total},
          {"energy_by_action_j", energy},
          {"counts", counts},
          {"busy_cycles", busy},
          {"stall_cycles_core0", stalls},
          {"commands_issued", r.commands}};
}

// Times the stream; gives the CPU seconds that took.
Result<double> TimeInto(json& result, const npu::Tnpu& tnpu,
                        const npu::Stream& stream, const npu::Params& params,
                        const NpuRunOptions& o) {
  TRIPTYCH_ASSIGN(npu::Timing timing, npu::Timing::Make(params));
  Result<npu::TimingReport> report = MakeError(ErrorCode::kInvalid, "not run");
  const double before = CpuSeconds();
  if (o.trace.empty()) {
    report = timing.Run(stream);
  } else {
    TRIPTYCH_TRY(WriteFile(o.trace, [&](std::ostream& out) {
      TraceSink sink(tnpu, 1e6 / params.clock.value, out);
      report = timing.Run(stream, {.sink = &sink});
      sink.Finish();
    }));
  }
  const double timed = CpuSeconds() - before;
  TRIPTYCH_TRY(report);
  result.update(ReportJson(*report, params));
  result["timing_cpu_s"] = timed;
  result["timing_cycles_per_cpu_s"] =
      static_cast<double>(report->cycles) / std::max(timed, 1e-9);
  return timed;
}

std::string TimeText(const json& j) {
  std::string text =
      fmt::format("{} cycles, {}, {}\n", j["cycles"].get<int64_t>(),
                  Si(j["seconds"].get<double>(), "s"),
                  Si(j["energy_j"].get<double>(), "J"));
  text += fmt::format("simulated in {:.3f} CPU s: {} cycles a CPU second\n",
                      j["timing_cpu_s"].get<double>(),
                      Si(j["timing_cycles_per_cpu_s"].get<double>(), ""));
  return text;
}

std::string RunText(const json& j) {
  const bool timed = j.contains("cycles");
  std::string text = timed ? TimeText(j) : "";
  if (j.contains("values_cpu_s")) {
    text +=
        fmt::format("values in {:.3f} CPU s", j["values_cpu_s"].get<double>());
    if (timed) {
      text += fmt::format(": {} cycles a CPU second with both",
                          Si(j["cycles_per_cpu_s"].get<double>(), ""));
    }
    text += "\n";
  }
  if (timed) {
    Table table({"part", "busy", "of all"});
    for (const auto& [part, cycles] : j["busy_cycles"].items()) {
      table.Add({part, std::to_string(cycles.get<int64_t>()),
                 Percent(cycles.get<double>() / j["cycles"].get<double>())});
    }
    text += "\n" + table.Text();
  }
  if (j.contains("top") && !j["top"].empty()) {
    text += "\nlargest outputs:";
    for (const auto& row : j["top"]) {
      text += fmt::format(" {} ({:.4f})", row["index"].get<int64_t>(),
                          row["value"].get<double>());
    }
    text += "\n";
  }
  return text;
}

}  // namespace

Result<int> NpuCompileCommand(const NpuCompileOptions& o) {
  TRIPTYCH_ASSIGN(const npu::Params params, MachineOf(o));
  TRIPTYCH_ASSIGN(const auto model, OpenModel(o.model, "", {}));
  Phase phase = Phase::kDecode;
  Binding binding{.batch = o.batch, .tokens = 1, .context = o.context};
  if (o.phase != "decode") {
    phase = o.phase == "prefill" ? Phase::kPrefill : Phase::kEncode;
    binding = {.batch = o.batch, .tokens = o.tokens, .context = 0};
  }
  const Weights* weights =
      model->weights && !o.no_data ? &*model->weights : nullptr;
  TRIPTYCH_ASSIGN(npu::NpuProgram program,
                  npu::MakeProgram(params, model->graph, weights, phase,
                                   binding, ThreadsOf(o)));
  npu::Tnpu& tnpu = program.tnpu;
  tnpu.notes["model"] = model->graph.name();
  tnpu.notes["phase"] = o.phase;
  tnpu.notes["tokens"] = std::to_string(binding.tokens);
  tnpu.notes["context"] = std::to_string(binding.context);
  tnpu.notes["batch"] = std::to_string(binding.batch);
  tnpu.notes["commands_unrolled"] = std::to_string(program.unrolled);
  const Entry& entry = *model->graph.FindEntry(phase);
  const Value& output = model->graph.value(entry.output);
  tnpu.notes["output"] = output.name + ".activations";
  tnpu.notes["output_cols"] = std::to_string(output.shape.cols);
  for (const Value& value : model->graph.values()) {
    if (value.kind == ValueKind::kInput && value.shape.cols == 1) {
      tnpu.notes["ids"] = value.name + ".activations";
    }
  }
  TRIPTYCH_TRY(npu::WriteTnpu(tnpu, o.output));
  json result = SizesJson(tnpu);
  result["file"] = o.output;
  result["commands_unrolled"] = program.unrolled;
  Print(o.json, SizesText(tnpu));
  TRIPTYCH_TRY(WriteJson(o.json, "npu compile", json::array({result})));
  return kOk;
}

Result<int> NpuInfoCommand(const NpuFileOptions& o) {
  TRIPTYCH_ASSIGN(const Opened opened, OpenTnpu(o.file));
  Print(o.json, SizesText(opened.tnpu));
  json result = SizesJson(opened.tnpu);
  result["file"] = o.file;
  TRIPTYCH_TRY(WriteJson(o.json, "npu info", json::array({result})));
  return kOk;
}

Result<int> NpuDisasmCommand(const NpuFileOptions& o) {
  TRIPTYCH_ASSIGN(const Opened opened, OpenTnpu(o.file));
  const std::string text =
      npu::Disassemble({opened.tnpu.labels, opened.tnpu.commands});
  if (o.output.empty()) {
    Print("", text);
  } else {
    TRIPTYCH_TRY(WriteFile(o.output, [&](std::ostream& out) { out << text; }));
  }
  return kOk;
}

Result<int> NpuAsmCommand(const NpuFileOptions& o) {
  TRIPTYCH_ASSIGN(const npu::Params params, MachineOf(o));
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(o.file));
  const auto bytes = file.bytes();
  TRIPTYCH_ASSIGN(
      npu::Listing listing,
      npu::Assemble({reinterpret_cast<const char*>(bytes.data()), bytes.size()},
                    o.file));
  // A region is as large as what its labels name.
  std::array<int64_t, npu::kRegions> regions{};
  for (const npu::Label& label : listing.labels) {
    int64_t& size = regions[static_cast<size_t>(label.region)];
    size = std::max(size, static_cast<int64_t>(label.offset + label.bytes));
  }
  npu::Tnpu tnpu;
  tnpu.machine = SizeOf(params, regions);
  tnpu.commands = std::move(listing.commands);
  tnpu.labels = std::move(listing.labels);
  TRIPTYCH_TRY(npu::Stream::Check(tnpu.commands, tnpu.machine, o.file));
  TRIPTYCH_TRY(npu::WriteTnpu(tnpu, o.output));
  Print(o.json, SizesText(tnpu));
  TRIPTYCH_TRY(WriteJson(o.json, "npu asm", json::array({SizesJson(tnpu)})));
  return kOk;
}

Result<int> NpuRunCommand(const NpuRunOptions& o) {
  TRIPTYCH_ASSIGN(const npu::Params params, MachineOf(o));
  TRIPTYCH_ASSIGN(const Opened opened, OpenTnpu(o.file));
  const npu::Tnpu& tnpu = opened.tnpu;
  TRIPTYCH_TRY(CheckMachine(tnpu, params, o.file));
  TRIPTYCH_ASSIGN(const npu::Stream stream,
                  npu::Stream::Check(tnpu.commands, tnpu.machine, o.file));
  json result = {{"file", o.file}, {"fidelity", params.fidelity}};
  double timed = 0;
  if (params.fidelity == "F0" && !o.trace.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     o.trace +
                         ": fidelity F0 has no time, and so no timeline; "
                         "allowed F1, F2, F3");
  }
  if (params.fidelity != "F0") {
    TRIPTYCH_ASSIGN(timed, TimeInto(result, tnpu, stream, params, o));
  } else if (tnpu.data.empty()) {
    return MakeError(ErrorCode::kInvalid,
                     o.file +
                         ": fidelity F0 wants the data that this file has "
                         "none of; allowed F1, F2, F3");
  }
  if (!tnpu.data.empty() && params.fidelity != "F2") {
    TRIPTYCH_ASSIGN(const Values values, RunValues(tnpu, stream, o));
    result["values_cpu_s"] = values.cpu_s;
    if (result.contains("cycles")) {
      result["cycles_per_cpu_s"] =
          result["cycles"].get<double>() / std::max(timed + values.cpu_s, 1e-9);
    }
    result["top"] = TopJson(values.output, tnpu);
  }
  Print(o.json, RunText(result));
  TRIPTYCH_TRY(WriteJson(o.json, "npu run", json::array({result})));
  return kOk;
}

}  // namespace triptych::cli
