// Any bytes as NPU commands: both functional machines say the same, in words
// or in bytes; and as text they read back.
// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "emulators/npu/isa/text.h"
#include "kernels/base/check.h"
#include "tests/emulators/npu/isa/both_machines.h"
#include "tests/emulators/npu/isa/commands.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace triptych;
  using namespace triptych::npu;
  if (size == 0) return 0;
  const MachineSize machine = SmallMachine(1 + data[0] % 3);
  std::vector<Command> commands((size - 1) / sizeof(Command));
  if (!commands.empty()) {
    std::memcpy(static_cast<void*>(commands.data()), data + 1,
                commands.size() * sizeof(Command));
  }
  const auto listing = Assemble(Disassemble(Listing{{}, commands}), "f");
  TRIPTYCH_CHECK(listing, (listing ? "" : listing.error().message));
  TRIPTYCH_CHECK(std::ranges::equal(std::as_bytes(std::span(listing->commands)),
                                    std::as_bytes(std::span(commands))));
  const auto stream = Stream::Check(commands, machine, "f", 300);
  if (!stream) {
    TRIPTYCH_CHECK(stream.error().message.starts_with("f: "),
                   stream.error().message);
    return 0;
  }
  const Outcome want = ScalarOutcome(*stream, 1);
  const Outcome got = FastOutcome(*stream, 1, 1);
  TRIPTYCH_CHECK(want == got, want.error, "/", got.error);
  return 0;
}
