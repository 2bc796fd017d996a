// Which streams are well formed. The static rules, of one command or of the
// nesting of loops, are checked once, before anything runs; the rules that
// need an address or a stride in force, each time a command is issued. The
// scalar machine, the fast one and the timing share both, so what one refuses
// all refuse, with the same words.
//
// An error reads "NAME: command INDEX: TEXT OF THE COMMAND: what is wrong;
// allowed ...".
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_ISA_CHECK_H_
#define TRIPTYCH_EMULATORS_NPU_ISA_CHECK_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "emulators/npu/isa/isa.h"
#include "kernels/base/result.h"

namespace triptych::npu {

struct Issue;
class Accesses;

// Commands that passed the static rules, for a machine of known size. Does not
// own them. Cheap to copy but for its name.
class Stream {
 public:
  // Commands a core decodes at most, loops unrolled: no stream runs forever.
  static constexpr uint64_t kMostDecoded = uint64_t{1} << 32;

  // `name` is what errors call the stream. Thread-safe.
  static Result<Stream> Check(std::span<const Command> commands,
                              const MachineSize& machine, std::string name,
                              uint64_t most_decoded = kMostDecoded);

  std::span<const Command> commands() const { return commands_; }
  const MachineSize& machine() const { return machine_; }
  const std::string& name() const { return name_; }
  // What each core decodes from start to end.
  uint64_t decoded() const { return decoded_; }

  // An error about one of its commands.
  std::unexpected<Error> ErrorAt(uint32_t index, std::string_view what) const;

 private:
  Stream() = default;
  Status CheckAll(uint64_t most_decoded);
  std::span<const Command> commands_;
  MachineSize machine_;
  std::string name_;
  uint64_t decoded_ = 0;
};

// What is wrong with one command by itself; "" if nothing is. Allocates only
// for a fault.
std::string FaultOf(const Command& command, const MachineSize& machine);

// The rules of a command as issued: everything it touches lies inside its
// memory and is aligned, rows it writes do not overlap each other or what it
// reads, a product has weights, a multicast one address. Fast: no allocation
// but for an error.
Status CheckIssue(const Stream& stream, const Issue& issue);
// The same for whoever has the accesses of the command already.
Status CheckIssue(const Stream& stream, const Issue& issue,
                  const Accesses& accesses);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_ISA_CHECK_H_
