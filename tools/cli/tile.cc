// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/tile.h"

#include <fmt/format.h>

#include <bit>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string_view>

#include "emulators/mesh/params.h"
#include "emulators/mesh/riscv/elf.h"
#include "emulators/mesh/tile/chip.h"
#include "emulators/target.h"
#include "models/mapped_file.h"
#include "tools/cli/output.h"
#include "tools/cli/tile_report.h"

namespace triptych::cli {
namespace {

using mesh::tile::Chip;
using mesh::tile::ChipConfig;
using mesh::tile::Coordinates;
using nlohmann::json;

std::unexpected<Error> NotAllowed(std::string_view flag, std::string_view text,
                                  std::string_view allowed) {
  return MakeError(ErrorCode::kInvalid,
                   fmt::format("{} {}: allowed is {}", flag, text, allowed));
}

// All of `text` as a number: decimal, 0x, 0.
std::optional<uint64_t> Whole(const std::string& text) {
  if (text.empty() || text[0] == '-') return std::nullopt;
  char* end = nullptr;
  const uint64_t value = std::strtoull(text.c_str(), &end, 0);
  if (*end != '\0') return std::nullopt;
  return value;
}

// Words are whole numbers, negative ones too, or f32 where there is a point.
Result<std::vector<uint32_t>> ArgumentsOf(const TileRunOptions& o) {
  std::vector<uint32_t> words;
  for (const std::string& text : o.args) {
    char* end = nullptr;
    if (text.find('.') != std::string::npos) {
      words.push_back(std::bit_cast<uint32_t>(std::strtof(text.c_str(), &end)));
    } else {
      const long long value = std::strtoll(text.c_str(), &end, 0);
      if (value < std::numeric_limits<int32_t>::min() ||
          value > std::numeric_limits<uint32_t>::max()) {
        return NotAllowed("--args", text, "a word of 32 bits");
      }
      words.push_back(static_cast<uint32_t>(value));
    }
    if (text.empty() || *end != '\0') {
      return NotAllowed("--args", text, "numbers: 12, -1, 0x30, 0.5");
    }
  }
  return words;
}

Result<ChipConfig> ConfigOf(const TileRunOptions& o) {
  ChipConfig config;
  const std::string spec = TargetsOr(o, {"mesh"}).front();
  TRIPTYCH_ASSIGN(const TargetSource source, ReadTarget(spec, o.set));
  if (source.entry->name != "mesh") {
    return NotAllowed("-t", spec, "mesh, mesh:PRESET or a TOML of one");
  }
  TRIPTYCH_TRY(LoadParams(source.config, config.params));
  const auto grid = mesh::tile::GridFromText(o.grid);
  if (!grid) {
    return NotAllowed("--grid", o.grid, "COLUMNSxROWS, as 8x8, each 1 to 255");
  }
  config.cols = grid->col;
  config.rows = grid->row;
  config.threads = ThreadsOf(o);
  config.timing_only = o.timing_only;
  config.keep_history = !o.timing_only || !o.trace.empty();
  return config;
}

// Where bytes of a file are: "l1:C,R:ADDRESS", "dram:BANK:ADDRESS", then
// perhaps ":BYTES", then "=FILE".
struct Transfer {
  std::optional<Coordinates> tile;  // else `bank`
  size_t bank = 0;
  uint64_t address = 0, bytes = 0;
  std::string file;
};

std::vector<std::string> Split(std::string_view text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

Result<Transfer> TransferOf(std::string_view flag, const std::string& text,
                            bool sized) {
  const auto fail = [&] {
    return NotAllowed(flag, text,
                      sized ? "l1:C,R:ADDRESS:BYTES=FILE or "
                              "dram:BANK:ADDRESS:BYTES=FILE"
                            : "l1:C,R:ADDRESS=FILE or dram:BANK:ADDRESS=FILE");
  };
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return fail();
  const auto parts = Split(std::string_view(text).substr(0, equals), ':');
  if (parts.size() != (sized ? 4 : 3)) return fail();
  Transfer t{.file = text.substr(equals + 1)};
  const auto address = Whole(parts[2]);
  const auto bytes = sized ? Whole(parts[3]) : 0;
  if (!address || !bytes || t.file.empty() ||
      *address > std::numeric_limits<uint32_t>::max() ||
      *bytes > std::numeric_limits<uint32_t>::max()) {
    return fail();
  }
  t.address = *address;
  t.bytes = *bytes;
  if (parts[0] == "dram") {
    const auto bank = Whole(parts[1]);
    if (!bank) return fail();
    t.bank = *bank;
    return t;
  }
  const auto place = Split(parts[1], ',');
  if (parts[0] != "l1" || place.size() != 2) return fail();
  const auto col = Whole(place[0]), row = Whole(place[1]);
  if (!col || !row || *col > 255 || *row > 255) return fail();
  t.tile = {static_cast<int32_t>(*col), static_cast<int32_t>(*row)};
  return t;
}

Status LoadFiles(const TileRunOptions& o, Chip* chip) {
  for (const std::string& text : o.loads) {
    TRIPTYCH_ASSIGN(const Transfer t, TransferOf("--load", text, false));
    TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(t.file));
    Status status =
        t.tile ? chip->WriteL1(*t.tile, static_cast<uint32_t>(t.address),
                               file.bytes())
               : chip->WriteDram(t.bank, t.address, file.bytes());
    if (!status) return Locate(std::move(status).error(), "--load " + text);
  }
  return {};
}

Status DumpFiles(const TileRunOptions& o, const Chip& chip) {
  for (const std::string& text : o.dumps) {
    TRIPTYCH_ASSIGN(const Transfer t, TransferOf("--dump", text, true));
    std::vector<std::byte> bytes(t.bytes);
    Status status =
        t.tile ? chip.ReadL1(*t.tile, static_cast<uint32_t>(t.address), bytes)
               : chip.ReadDram(t.bank, t.address, bytes);
    if (!status) return Locate(std::move(status).error(), "--dump " + text);
    TRIPTYCH_TRY(WriteFile(t.file, [&](std::ostream& out) {
      out.write(reinterpret_cast<const char*>(bytes.data()),
                static_cast<std::streamsize>(bytes.size()));
    }));
  }
  return {};
}

// Mistakes in what comes after the run are better known before.
Status CheckOutputs(const TileRunOptions& o, const Chip& chip) {
  for (const std::string& text : o.dumps) {
    TRIPTYCH_ASSIGN(const Transfer t, TransferOf("--dump", text, true));
    Status status =
        t.tile
            ? chip.CheckL1(*t.tile, static_cast<uint32_t>(t.address), t.bytes)
            : chip.CheckDram(t.bank, t.address, t.bytes);
    if (!status) return Locate(std::move(status).error(), "--dump " + text);
    TRIPTYCH_TRY(CheckWritable(t.file));
  }
  return CheckWritable(o.trace);
}

}  // namespace

Result<int> TileRunCommand(const TileRunOptions& o) {
  TRIPTYCH_ASSIGN(const ChipConfig config, ConfigOf(o));
  TRIPTYCH_ASSIGN(const std::vector<uint32_t> words, ArgumentsOf(o));
  TRIPTYCH_ASSIGN(const auto chip, Chip::Make(config));
  TRIPTYCH_TRY(CheckOutputs(o, *chip));
  TRIPTYCH_ASSIGN(const MappedFile file, MappedFile::Open(o.file));
  TRIPTYCH_ASSIGN(const auto elf, mesh::riscv::ParseElf(file.bytes(), o.file));
  TRIPTYCH_TRY(chip->Load(elf));
  TRIPTYCH_TRY(chip->SetArguments(words));
  TRIPTYCH_TRY(LoadFiles(o, chip.get()));
  const auto start = std::chrono::steady_clock::now();
  TRIPTYCH_ASSIGN(const auto report, chip->Run(o.budget));
  const std::chrono::duration<double> host =
      std::chrono::steady_clock::now() - start;
  TRIPTYCH_TRY(DumpFiles(o, *chip));
  if (!o.trace.empty()) {
    TRIPTYCH_TRY(WriteFile(
        o.trace, [&](std::ostream& out) { WriteTileTrace(*chip, out); }));
  }
  json result = TileReportJson(*chip, report);
  result["file"] = o.file;
  result["host_wall_s"] = host.count();
  result["cycles_per_host_s"] =
      static_cast<double>(report.cycles) / std::max(host.count(), 1e-9);
  Print(o.json, TileReportText(result));
  TRIPTYCH_TRY(WriteJson(o.json, "tile run", json::array({result})));
  return kOk;
}

}  // namespace triptych::cli
