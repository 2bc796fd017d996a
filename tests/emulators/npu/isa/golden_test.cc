// The golden vectors on both machines, and whether vectors and specification
// name every command.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "emulators/npu/isa/functional.h"
#include "emulators/npu/isa/opcodes.h"
#include "emulators/npu/isa/text.h"
#include "tests/emulators/npu/isa/commands.h"
#include "tests/kernels/simd_targets.h"

namespace triptych::npu {
namespace {

constexpr char kVectors[] = "tests/emulators/npu/isa/golden.txt";
constexpr char kSpecification[] = "emulators/npu/isa/README.md";

std::string ReadAll(const char* path) {
  std::ifstream in(path);
  REQUIRE_MESSAGE(in, path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// A line "in ..." or "out ...".
struct Line {
  std::string where;  // i8, i32, f32 or a region
  uint32_t address = 0;
  std::vector<std::string> values;  // of "out": the count, ":" and bits

  static Line Parse(const std::string& text) {
    std::istringstream in(text);
    Line line;
    std::string head, address, value;
    in >> head >> line.where >> address;
    const bool acc = address.starts_with("acc+");
    line.address = static_cast<uint32_t>(std::strtoul(
                       address.c_str() + (acc ? 4 : 0), nullptr, 0)) |
                   (acc ? kAccBit : 0);
    while (in >> value) line.values.push_back(value);
    return line;
  }
  size_t width() const { return where == "i32" || where == "f32" ? 4 : 1; }
};

struct Vector {
  std::string name, text;
  std::vector<Line> in, out;
  std::vector<size_t> out_lines;  // of the file
};

struct File {
  std::vector<std::string> lines;
  std::vector<Vector> vectors;
};

File ReadVectors() {
  File file;
  std::istringstream in(ReadAll(kVectors));
  for (std::string line; std::getline(in, line);) {
    file.lines.push_back(line);
    const size_t begin = line.find_first_not_of(' ');
    if (begin == std::string::npos || line[begin] == '#') continue;
    const std::string text = line.substr(begin);
    if (text.starts_with("vector ")) {
      file.vectors.push_back({text.substr(7), "", {}, {}, {}});
    } else if (text.starts_with("in ")) {
      file.vectors.back().in.push_back(Line::Parse(text));
    } else if (text.starts_with("out ")) {
      file.vectors.back().out.push_back(Line::Parse(text));
      file.vectors.back().out_lines.push_back(file.lines.size() - 1);
    } else {
      file.vectors.back().text += text + '\n';
    }
  }
  return file;
}

class Bench {
 public:
  Bench() : memory_(SmallMachine()) {
    for (size_t r = 1; r < kRegions; ++r) {
      regions_[r].resize(4096);
      const auto region = static_cast<Region>(r);
      memory_.Bind(region,
                   {region == Region::kWeights || region == Region::kConstants
                        ? ReadOnlyPiece(0, regions_[r])
                        : WritablePiece(0, regions_[r])});
    }
  }
  Memory& memory() { return memory_; }

  std::byte* Place(const Line& line) {
    for (size_t r = 1; r < kRegions; ++r) {
      if (line.where == RegionNames()[r]) {
        return regions_[r].data() + line.address;
      }
    }
    return memory_.Local(0, line.address);
  }
  void Put(const Line& line) {
    std::byte* to = Place(line);
    for (const std::string& value : line.values) {
      const bool bits = value.starts_with("0x");
      const auto word =
          line.where == "f32" && !bits
              ? std::bit_cast<uint32_t>(std::strtof(value.c_str(), nullptr))
              : static_cast<uint32_t>(std::strtoll(value.c_str(), nullptr, 0));
      std::memcpy(to, &word, line.width());
      to += line.width();
    }
  }
  // "out" as the file has it, with what is there.
  std::string Get(const Line& line) {
    const auto count = static_cast<size_t>(std::stoul(line.values[0]));
    const std::byte* from = Place(line);
    std::string text;
    for (size_t i = 0; i < count; ++i) {
      uint32_t word = 0;
      std::memcpy(&word, from + i * line.width(), line.width());
      text += fmt::format(" {:0{}x}", word, 2 * line.width());
    }
    return text;
  }

 private:
  Memory memory_;
  std::array<std::vector<std::byte>, kRegions> regions_;
};

template <class Machine>
std::vector<std::string> Results(const Vector& vector, const Machine& machine) {
  const auto listing = Assemble(vector.text, vector.name);
  REQUIRE_MESSAGE(listing, (listing ? "" : listing.error().message));
  const auto stream =
      Stream::Check(listing->commands, SmallMachine(), vector.name);
  REQUIRE_MESSAGE(stream, (stream ? "" : stream.error().message));
  Bench bench;
  for (const Line& line : vector.in) bench.Put(line);
  const Status status = machine(*stream, bench.memory());
  REQUIRE_MESSAGE(status, (status ? "" : status.error().message));
  std::vector<std::string> results;
  for (const Line& line : vector.out) results.push_back(bench.Get(line));
  return results;
}

std::string Wanted(const Line& line) {
  std::string text;
  for (size_t i = 2; i < line.values.size(); ++i) text += ' ' + line.values[i];
  return text;
}

TEST_CASE("golden vectors") {
  File file = ReadVectors();
  CHECK(file.vectors.size() >= 12);
  for (const Vector& vector : file.vectors) {
    CAPTURE(vector.name);
    const auto results = Results(vector, ExecuteScalar);
    for (size_t i = 0; i < results.size(); ++i) {
      CHECK(results[i] == Wanted(vector.out[i]));
      std::string& line = file.lines[vector.out_lines[i]];
      line = line.substr(0, line.find(" :")) + " :" + results[i];
    }
    ForEachSimdTarget([&](int64_t) {
      CHECK(Results(vector, [](const Stream& s, Memory& m) {
              return Execute(s, m);
            }) == results);
    });
  }
  // After a change of meaning: the file as it should be, to be looked at.
  if (const char* path = std::getenv("TRIPTYCH_NEW_GOLDEN")) {
    std::ofstream out(path);
    for (const std::string& line : file.lines) out << line << '\n';
  }
}

TEST_CASE("golden vectors have every command, the specification every name") {
  const File file = ReadVectors();
  std::string commands;
  for (const Vector& vector : file.vectors) commands += '\n' + vector.text;
  const std::string specification = ReadAll(kSpecification);
  for (const OpcodeInfo& info : OpcodeTable()) {
    const std::string name(info.name);
    CAPTURE(name);
    CHECK((commands.find('\n' + name + ' ') != std::string::npos ||
           commands.find('\n' + name + '.') != std::string::npos ||
           commands.find('\n' + name + '\n') != std::string::npos));
    const std::string heading = "\n### " + name + '\n';
    const size_t begin = specification.find(heading);
    REQUIRE(begin != std::string::npos);
    const size_t end = specification.find("\n#", begin + heading.size());
    const std::string section = specification.substr(begin, end - begin);
    for (const Field& field : info.fields) {
      CHECK_MESSAGE(section.find("`" + std::string(field.name) + "`") !=
                        std::string::npos,
                    std::string(field.name));
    }
    for (const FlagName& flag : info.flags) {
      if (info.opcode == Opcode::kQuantize && flag.bit != 2 && flag.bit != 8) {
        continue;  // "bits2 .. bits8"
      }
      CHECK_MESSAGE(
          section.find("`" + std::string(flag.name) + "`") != std::string::npos,
          std::string(flag.name));
    }
  }
  const auto names = [&](std::span<const std::string_view> all) {
    for (const std::string_view name : all) {
      CHECK_MESSAGE(specification.find("`" + std::string(name) + "`") !=
                        std::string::npos,
                    std::string(name));
    }
  };
  names(VectorOpNames());
  names(OperandNames());
  names(ReduceOpNames());
}

}  // namespace
}  // namespace triptych::npu
