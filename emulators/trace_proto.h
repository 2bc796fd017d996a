// Protocol buffers, as much of them as a timeline needs: writing one message.
//
// Wire format (protobuf.dev/programming-guides/encoding): a field is a varint
// `number << 3 | wire type` and its value; type 0 is a varint, 1 eight bytes
// little endian, 2 a length and so many bytes.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_TRACE_PROTO_H_
#define TRIPTYCH_EMULATORS_TRACE_PROTO_H_

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

namespace triptych {

// Fields are written in the order of the calls. Not thread-safe.
class ProtoMessage {
 public:
  ProtoMessage& Uint(uint32_t field, uint64_t value) {
    Varint(field << 3);
    Varint(value);
    return *this;
  }

  ProtoMessage& Double(uint32_t field, double value) {
    Varint(field << 3 | 1);
    auto bits = std::bit_cast<uint64_t>(value);
    for (int byte = 0; byte < 8; ++byte, bits >>= 8) {
      bytes_ += static_cast<char>(bits & 0xff);
    }
    return *this;
  }

  ProtoMessage& Text(uint32_t field, std::string_view value) {
    Varint(field << 3 | 2);
    Varint(value.size());
    bytes_ += value;
    return *this;
  }

  ProtoMessage& Message(uint32_t field, const ProtoMessage& value) {
    return Text(field, value.bytes_);
  }

  bool empty() const { return bytes_.empty(); }
  const std::string& bytes() const { return bytes_; }

 private:
  // Seven bits a byte, the lowest first; the eighth says that more follow.
  void Varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) {
      bytes_ += static_cast<char>(value | 0x80);
    }
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_TRACE_PROTO_H_
