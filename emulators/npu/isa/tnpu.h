// `.tnpu`: a stream with what it needs to run, as one file.
//
// Little-endian. A header of 128 bytes:
//     0  8 bytes "TRIPNPU\n"
//     8  u32 version (1), u32 number of sections
//    16  u32 cores, u32 array rows, u32 array columns, u32 0
//    32  u64 scratchpad bytes, u64 accumulator rows, u64 L2 bytes
//    56  u64 bytes of the regions weights, constants, cache, activations
//    88  zeros
// and then a table of sections, 32 bytes each: u32 kind, u32 region, u64
// offset in the file, u64 bytes, u64 offset in the region. Sections begin at
// multiples of 64, in the order of the table, and do not overlap; the bytes
// between them are not read. Kinds (the region and its offset are 0 but for
// data):
//     1  commands: 32 bytes each (isa.h)
//     2  labels: u32 length of the name, u32 region, u64 offset, u64 bytes;
//        then the name, and zeros to a multiple of 8
//     3  data: what a piece of the weights or constants holds; any number,
//        in the order of their offsets, and apart
//     4  relocations: u32 length of the name, u32 command, u32 field, u32 0,
//        i64 scale, i64 addend; then the name, and zeros to a multiple of 8
//     5  metadata: JSON, {"marks": {"ID": "name", ...}, "notes": {"key":
//        "text", ...}}
// Kinds 1, 2, 4 and 5 appear at most once.
//
// Data can be used where they lie in a mapped file: a memory binds them as
// pieces without a copy.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_TNPU_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_TNPU_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "emulators/npu/isa/check.h"
#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/isa.h"
#include "emulators/npu/isa/text.h"
#include "kernels/base/result.h"

namespace triptych::npu {

// An operand that the host sets before each run: that of field `field` (in the
// order of OpcodeTable) of command `command` becomes addend + scale * the
// value that goes by `name`, as positions and lengths do.
struct Relocation {
  std::string name;
  uint32_t command = 0, field = 0;
  int64_t scale = 1, addend = 0;
  friend bool operator==(const Relocation&, const Relocation&) = default;
};

// Bytes of a region, kWeights or kConstants. Not owned.
struct RegionData {
  Region region = Region::kWeights;
  int64_t offset = 0;
  std::span<const std::byte> bytes;
};

struct Tnpu {
  MachineSize machine;
  std::vector<Command> commands;
  std::vector<Label> labels;
  std::vector<RegionData> data;
  std::vector<Relocation> relocations;
  std::map<uint32_t, std::string> marks;     // what a kMark stands for
  std::map<std::string, std::string> notes;  // for people

  // The data of a region, for Memory::Bind.
  std::vector<Piece> Pieces(Region region) const;
};

// Largest sizes a file may ask for: what addresses reach, and 2^48 bytes of a
// DRAM region.
inline constexpr int64_t kMostLocalBytes = int64_t{1} << 31;
inline constexpr int64_t kMostL2Bytes = int64_t{1} << 32;
inline constexpr int64_t kMostRegionBytes = int64_t{1} << 48;

// Reads a file's bytes; data point into them. Whatever a file may claim is
// checked: sections, names, sizes, fields of relocations; the stream itself by
// Stream::Check, which this calls. Errors: "NAME: offset N: key: what".
Result<Tnpu> ParseTnpu(std::span<const std::byte> bytes,
                       const std::string& name);

// The file's bytes. Programmer errors (relocations of fields there are not,
// data out of order) abort.
std::vector<std::byte> WriteTnpu(const Tnpu& tnpu);
// The same to a file, piece by piece, for weights that are large.
Status WriteTnpu(const Tnpu& tnpu, const std::string& path);

// Sets what is relocated, from values by name. Errors name what is missing or
// does not fit its operand. Safe to repeat on the same commands.
Status Relocate(std::span<const Relocation> relocations,
                const std::map<std::string, int64_t, std::less<>>& values,
                std::span<Command> commands, std::string_view name);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_TNPU_H_
