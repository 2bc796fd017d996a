// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/tnpu.h"
#include "emulators/npu/isa/tnpu_format.h"
#include "kernels/base/check.h"
#include "kernels/base/units.h"

namespace triptych::npu {
namespace {

template <class T>
void Append(std::vector<std::byte>& out, const T& value) {
  const auto* from = reinterpret_cast<const std::byte*>(&value);
  out.insert(out.end(), from, from + sizeof(T));
}

void AppendName(std::vector<std::byte>& out, const std::string& name) {
  const auto* from = reinterpret_cast<const std::byte*>(name.data());
  out.insert(out.end(), from, from + name.size());
  out.resize(RoundUp(out.size(), size_t{8}));
}

std::vector<std::byte> LabelBytes(const Tnpu& tnpu) {
  std::vector<std::byte> out;
  for (const Label& l : tnpu.labels) {
    Append(out, TnpuLabel{static_cast<uint32_t>(l.name.size()),
                          static_cast<uint32_t>(l.region), l.offset, l.bytes});
    AppendName(out, l.name);
  }
  return out;
}

std::vector<std::byte> RelocationBytes(const Tnpu& tnpu) {
  std::vector<std::byte> out;
  for (const Relocation& r : tnpu.relocations) {
    TRIPTYCH_CHECK(
        r.command < tnpu.commands.size() &&
            r.field < InfoOf(tnpu.commands[r.command].opcode).fields.size(),
        "relocation of", r.name, "command", r.command);
    Append(out, TnpuRelocation{static_cast<uint32_t>(r.name.size()), r.command,
                               r.field, 0, r.scale, r.addend});
    AppendName(out, r.name);
  }
  return out;
}

std::string MetadataText(const Tnpu& tnpu) {
  nlohmann::json marks = nlohmann::json::object(), notes = marks;
  for (const auto& [id, name] : tnpu.marks) marks[std::to_string(id)] = name;
  for (const auto& [key, text] : tnpu.notes) notes[key] = text;
  return nlohmann::json{{"marks", marks}, {"notes", notes}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// A section's place in the table, and its bytes.
struct Part {
  TnpuSection section;
  std::span<const std::byte> bytes;
};

// Calls write(bytes) for all of the file, in order.
template <class F>
Status WriteParts(const Tnpu& tnpu, const F& write) {
  const std::vector<std::byte> labels = LabelBytes(tnpu);
  const std::vector<std::byte> relocations = RelocationBytes(tnpu);
  const std::string metadata = MetadataText(tnpu);
  std::vector<Part> parts;
  const auto add = [&](SectionKind kind, std::span<const std::byte> bytes) {
    parts.push_back(
        {{static_cast<uint32_t>(kind), 0, 0, bytes.size(), 0}, bytes});
  };
  add(SectionKind::kCommands, std::as_bytes(std::span(tnpu.commands)));
  if (!labels.empty()) add(SectionKind::kLabels, labels);
  if (!relocations.empty()) add(SectionKind::kRelocations, relocations);
  add(SectionKind::kMetadata, std::as_bytes(std::span(metadata)));
  for (const RegionData& d : tnpu.data) {
    add(SectionKind::kData, d.bytes);
    parts.back().section.region = static_cast<uint32_t>(d.region);
    parts.back().section.region_offset = static_cast<uint64_t>(d.offset);
  }
  const MachineSize& m = tnpu.machine;
  TnpuHeader header{};
  std::ranges::copy(kTnpuMagic, header.magic.begin());
  header.version = kTnpuVersion;
  header.sections = static_cast<uint32_t>(parts.size());
  header.cores = static_cast<uint32_t>(m.cores);
  header.array_rows = static_cast<uint32_t>(m.array_rows);
  header.array_cols = static_cast<uint32_t>(m.array_cols);
  header.scratchpad_bytes = static_cast<uint64_t>(m.scratchpad_bytes);
  header.accumulator_rows = static_cast<uint64_t>(m.accumulator_rows);
  header.l2_bytes = static_cast<uint64_t>(m.l2_bytes);
  for (size_t r = 1; r < kRegions; ++r) {
    header.region_bytes[r - 1] = static_cast<uint64_t>(m.region_bytes[r]);
  }
  std::vector<std::byte> head;
  Append(head, header);
  uint64_t end = kTnpuHeaderBytes + parts.size() * sizeof(TnpuSection);
  for (Part& part : parts) {
    part.section.offset = RoundUp(end, uint64_t{kTnpuAlign});
    end = part.section.offset + part.section.bytes;
    Append(head, part.section);
  }
  TRIPTYCH_TRY(write(head));
  uint64_t written = head.size();
  constexpr std::array<std::byte, kTnpuAlign> kZeros{};
  for (const Part& part : parts) {
    TRIPTYCH_TRY(write(std::span(kZeros).first(part.section.offset - written)));
    TRIPTYCH_TRY(write(part.bytes));
    written = part.section.offset + part.section.bytes;
  }
  return {};
}

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

}  // namespace

std::vector<std::byte> WriteTnpu(const Tnpu& tnpu) {
  std::vector<std::byte> out;
  const Status status =
      WriteParts(tnpu, [&](std::span<const std::byte> bytes) -> Status {
        out.insert(out.end(), bytes.begin(), bytes.end());
        return {};
      });
  TRIPTYCH_CHECK(status);
  return out;
}

Status WriteTnpu(const Tnpu& tnpu, const std::string& path) {
  const auto failed = [&]() {
    return MakeError(ErrorCode::kIo,
                     fmt::format("{}: {}", path, std::strerror(errno)));
  };
  std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "wb"));
  if (!file) return failed();
  TRIPTYCH_TRY(
      WriteParts(tnpu, [&](std::span<const std::byte> bytes) -> Status {
        if (std::fwrite(bytes.data(), 1, bytes.size(), file.get()) !=
            bytes.size()) {
          return failed();
        }
        return {};
      }));
  // What is buffered may find the disk full.
  if (std::fclose(file.release()) != 0) return failed();
  return {};
}

}  // namespace triptych::npu
