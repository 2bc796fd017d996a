// What integer instructions give, worked out another way: in wide signed
// arithmetic and bit by bit. Nothing here is shared with the interpreter.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_ORACLE_H_
#define TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_ORACLE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace triptych::mesh::riscv {

inline int64_t SignedValue(uint32_t v) {
  return v < 0x80000000u ? int64_t{v} : int64_t{v} - 0x100000000;
}
inline uint32_t LowWord(int64_t v) {
  return static_cast<uint32_t>(static_cast<uint64_t>(v) & 0xffffffffu);
}
inline int64_t Power(uint32_t n) { return int64_t{1} << (n % 32); }
// Rounded down, where C++ rounds to zero.
inline int64_t FloorDiv(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}
// A word made of bits that f chooses by place.
inline uint32_t Bitwise(const std::function<bool(int)>& f) {
  uint32_t word = 0;
  for (int i = 0; i < 32; ++i) word += f(i) ? 1u << i : 0;
  return word;
}
inline bool BitOf(uint32_t v, int i) { return (v / (1u << i)) % 2 == 1; }
inline uint32_t Rotated(uint32_t v, int left) {
  return Bitwise([&](int i) { return BitOf(v, (i - left + 64) % 32); });
}
inline uint32_t CountFrom(uint32_t v, int first, int step) {
  uint32_t n = 0;
  for (int i = first; i >= 0 && i < 32 && !BitOf(v, i); i += step) ++n;
  return n;
}
inline uint32_t SignedByteTimes(uint32_t v, int64_t range) {
  const int64_t low = v % range;
  return LowWord(low >= range / 2 ? low - range : low);
}
// High word of a product whose factors' signs are chosen, by schoolbook.
inline uint32_t HighWord(uint32_t a, bool a_signed, uint32_t b, bool b_signed) {
  uint64_t product = 0;
  uint32_t carry_word = 0;
  for (int i = 0; i < 32; ++i) {
    if (!BitOf(b, i)) continue;
    const uint64_t part = uint64_t{a} << i;
    product += part;
  }
  carry_word = static_cast<uint32_t>(product >> 32);
  if (a_signed && a >= 0x80000000u) carry_word -= b;
  if (b_signed && b >= 0x80000000u) carry_word -= a;
  return carry_word;
}

using Oracle = std::function<uint32_t(uint32_t, uint32_t)>;

inline uint32_t OracleDivide(uint32_t a, uint32_t b) {
  const int64_t x = SignedValue(a), y = SignedValue(b);
  return LowWord(y == 0 ? -1 : x / y);
}
inline uint32_t OracleRemainder(uint32_t a, uint32_t b) {
  const int64_t x = SignedValue(a), y = SignedValue(b);
  return LowWord(y == 0 ? x : x - y * (x / y));
}

// Two operands to a result; the second is a register, an immediate or a
// shift count, or is not used.
inline const std::map<std::string, Oracle>& IntegerOracles() {
  using U = uint32_t;
  static const std::map<std::string, Oracle> oracles = [] {
    std::map<std::string, Oracle> m;
    m["add"] = [](U a, U b) { return LowWord(int64_t{a} + b); };
    m["sub"] = [](U a, U b) { return LowWord(int64_t{a} - b); };
    m["slt"] = [](U a, U b) { return U{SignedValue(a) < SignedValue(b)}; };
    m["sltu"] = [](U a, U b) { return U{int64_t{a} - b < 0}; };
    m["xor"] = [](U a, U b) {
      return Bitwise([&](int i) { return BitOf(a, i) != BitOf(b, i); });
    };
    m["or"] = [](U a, U b) {
      return Bitwise([&](int i) { return BitOf(a, i) || BitOf(b, i); });
    };
    m["and"] = [](U a, U b) {
      return Bitwise([&](int i) { return BitOf(a, i) && BitOf(b, i); });
    };
    m["sll"] = [](U a, U b) { return LowWord(int64_t{a} * Power(b)); };
    m["srl"] = [](U a, U b) { return LowWord(int64_t{a} / Power(b)); };
    m["sra"] = [](U a, U b) {
      return LowWord(FloorDiv(SignedValue(a), Power(b)));
    };
    for (const char* name : {"add", "slt", "xor", "or", "and"}) {
      m[std::string(name) + "i"] = m[name];
    }
    for (const char* name : {"sll", "srl", "sra"}) {
      m[std::string(name) + "i"] = m[name];
    }
    m["sltiu"] = m["sltu"];
    m["mul"] = [](U a, U b) { return LowWord(SignedValue(a) * int64_t{b}); };
    m["mulh"] = [](U a, U b) { return HighWord(a, true, b, true); };
    m["mulhsu"] = [](U a, U b) { return HighWord(a, true, b, false); };
    m["mulhu"] = [](U a, U b) { return HighWord(a, false, b, false); };
    m["div"] = OracleDivide;
    m["rem"] = OracleRemainder;
    m["divu"] = [](U a, U b) { return LowWord(b == 0 ? -1 : int64_t{a} / b); };
    m["remu"] = [](U a, U b) {
      return LowWord(b == 0 ? a : a - int64_t{b} * (int64_t{a} / b));
    };
    for (int n = 1; n <= 3; ++n) {
      m["sh" + std::to_string(n) + "add"] = [n](U a, U b) {
        return LowWord(int64_t{a} * (1 << n) + b);
      };
    }
    m["andn"] = [](U a, U b) {
      return Bitwise([&](int i) { return BitOf(a, i) && !BitOf(b, i); });
    };
    m["orn"] = [](U a, U b) {
      return Bitwise([&](int i) { return BitOf(a, i) || !BitOf(b, i); });
    };
    m["xnor"] = [](U a, U b) {
      return Bitwise([&](int i) { return BitOf(a, i) == BitOf(b, i); });
    };
    m["clz"] = [](U a, U) { return CountFrom(a, 31, -1); };
    m["ctz"] = [](U a, U) { return CountFrom(a, 0, 1); };
    m["cpop"] = [](U a, U) {
      U n = 0;
      for (int i = 0; i < 32; ++i) n += BitOf(a, i) ? 1 : 0;
      return n;
    };
    m["sext.b"] = [](U a, U) { return SignedByteTimes(a, 256); };
    m["sext.h"] = [](U a, U) { return SignedByteTimes(a, 65536); };
    m["zext.h"] = [](U a, U) { return a % 65536; };
    m["min"] = [](U a, U b) {
      return LowWord(std::min(SignedValue(a), SignedValue(b)));
    };
    m["max"] = [](U a, U b) {
      return LowWord(std::max(SignedValue(a), SignedValue(b)));
    };
    m["minu"] = [](U a, U b) { return std::min(a, b); };
    m["maxu"] = [](U a, U b) { return std::max(a, b); };
    m["rol"] = [](U a, U b) { return Rotated(a, static_cast<int>(b % 32)); };
    m["ror"] = [](U a, U b) { return Rotated(a, -static_cast<int>(b % 32)); };
    m["rori"] = m["ror"];
    m["orc.b"] = [](U a, U) {
      return Bitwise([&](int i) {
        return (a / Power(static_cast<U>(i / 8 * 8))) % 256 != 0;
      });
    };
    m["rev8"] = [](U a, U) {
      return Bitwise([&](int i) { return BitOf(a, (3 - i / 8) * 8 + i % 8); });
    };
    return m;
  }();
  return oracles;
}

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_TESTS_EMULATORS_MESH_RISCV_ORACLE_H_
