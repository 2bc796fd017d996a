// What a core sees: regions of RAM, shared with other cores or its own, and
// devices.
//
// Not thread-safe: the cores that share a RAM run on one host thread (group.h).
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_MEMORY_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "kernels/base/result.h"

namespace triptych::mesh::riscv {

// Bytes, and for each granule of them why a store there concerns others.
class Ram {
 public:
  static constexpr uint32_t kGranule = 64;  // bytes, a power of two
  static constexpr uint8_t kCode = 1;       // somebody decoded instructions
  static constexpr uint8_t kWatched = 2;    // a core sleeps until it changes
  static constexpr uint8_t kExit = 4;       // a program ends by a store here

  // Zeroed. `size` is a multiple of kGranule.
  explicit Ram(uint32_t size);

  uint32_t size() const { return size_; }
  std::byte* data() { return bytes_.get(); }
  const std::byte* data() const { return bytes_.get(); }
  uint8_t* marks() { return marks_.data(); }

 private:
  struct Free {
    void operator()(std::byte* bytes) const { std::free(bytes); }
  };
  uint32_t size_ = 0;
  // From calloc: what nobody touches takes no memory.
  std::unique_ptr<std::byte, Free> bytes_;
  std::vector<uint8_t> marks_;
};

// One load or store of a device. Times are cycles of the core's clock.
struct DeviceRequest {
  uint32_t core = 0;   // the core's place in its group
  uint64_t cycle = 0;  // when the instruction issues
  uint32_t address = 0;
  uint32_t size = 0;  // bytes: 1, 2, 4
  bool write = false;
  uint32_t value = 0;  // what is written
};

struct DeviceReply {
  enum Kind : uint8_t {
    kDone,   // `value` is what was read
    kWait,   // nothing happened: asked again after Core::Wake()
    kLater,  // the same, but asked again at `ready_cycle`, which is later
    kFault,  // `reason` says what is wrong and what is allowed
  };
  Kind kind = kDone;
  uint32_t value = 0;
  // What was read is there no earlier than this; 0 leaves the time to the
  // region's latency.
  uint64_t ready_cycle = 0;
  std::string reason;
};

// Requests of one group of cores come in the order of (cycle, core), whatever
// the quantum.
class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceReply Access(const DeviceRequest& request) = 0;
};

// Which latency of pipeline.h a load from a region has.
enum class Latency : uint8_t {
  kLocal,   // the core's own data RAM
  kSync,    // mailboxes, semaphores, PC buffers
  kConfig,  // GPRs and configuration of the coprocessor
  kTile,    // NoC interfaces, tile control
  kL1,
};
inline constexpr size_t kLatencies = 5;

struct Region {
  std::string name;
  uint32_t base = 0;
  uint32_t size = 0;  // bytes; base and size are multiples of 16
  Latency latency = Latency::kL1;
  // Others may access it, cores or RemoteWrite: accesses go by time, and who
  // polls it is woken. Devices always are shared.
  bool shared = false;
  bool executable = false;
  // At most one of the two. With neither, a core stops at an access
  // (Stop::kDevice) and whoever runs it answers.
  std::shared_ptr<Ram> ram;
  std::shared_ptr<Device> device;

  bool Contains(uint32_t address) const { return address - base < size; }
};

class AddressMap {
 public:
  // kInvalid for regions that overlap, wrap around, are empty or misaligned,
  // or whose RAM is smaller than they are.
  static Result<AddressMap> Make(std::vector<Region> regions);

  std::span<const Region> regions() const { return regions_; }
  const Region* Find(uint32_t address) const;  // nullptr: nothing is there

  // Copies to RAM; kInvalid where there is none. For loaders and devices:
  // takes no time and wakes nobody.
  Status Write(uint32_t address, std::span<const std::byte> bytes) const;
  Status Read(uint32_t address, std::span<std::byte> bytes) const;

  // "l1 0x00000000..0x0016ffff, local ...": what is allowed, for messages.
  std::string Describe() const;

 private:
  Result<std::byte*> Span(uint32_t address, size_t size) const;

  std::vector<Region> regions_;  // by base
};

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_MEMORY_H_
