// What makes commands wait for each other, and what does not.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/order.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "emulators/npu/isa/text.h"
#include "tests/emulators/npu/isa/commands.h"

namespace triptych::npu {
namespace {

std::string ErrorOf(const std::string& text, int cores = 1) {
  const auto listing = Assemble(text, "f");
  REQUIRE_MESSAGE(listing, (listing ? "" : listing.error().message));
  const auto stream =
      Stream::Check(listing->commands, SmallMachine(cores), "s");
  REQUIRE_MESSAGE(stream, (stream ? "" : stream.error().message));
  const Status status = CheckOrder(*stream);
  return status ? "" : status.error().message;
}

constexpr char kLoad[] = "LD region=weights local=0x0 size0=64 size1=1 size2=1";
constexpr char kUse[] = "MMLD local=0x0 k=8 n=8";

std::string Lines(std::initializer_list<std::string> lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\n';
  return text;
}

TEST_CASE("queues wait by events and barriers only") {
  const std::string load = kLoad, use = kUse;
  CHECK(
      ErrorOf(Lines({load, use})).find("nothing makes it wait for command 0") !=
      std::string::npos);
  CHECK(ErrorOf(Lines({load + " signal=1", use + " wait=1"})) == "");
  CHECK(ErrorOf(Lines({load, "BAR", use})) == "");
  // An event that something else gives says nothing of the load.
  CHECK(ErrorOf(Lines({load, "EVT event=1 count=1", use + " wait=1"})) != "");
  // Nor one that was given before.
  CHECK(ErrorOf(Lines({load + " signal=1", load, use + " wait=1"})) != "");
  // Other bytes need no order.
  CHECK(ErrorOf(Lines({load, "MMLD local=0x40 k=8 n=8"})) == "");
  // What waits later in a queue covers what came earlier in another.
  CHECK(ErrorOf(Lines({load,
                       "LD region=weights local=0x100 size0=64 size1=1 "
                       "size2=1 signal=1",
                       use + " wait=1"})) == "");
  // A chain: load, vector, matrix.
  CHECK(ErrorOf(Lines({load + " signal=1",
                       "VEC op=exp src0=0x100 dst=0x100 rows=1 cols=4 wait=1 "
                       "signal=2",
                       use + " wait=2"})) == "");
}

// Two buffers: the load may run two ahead, the product says when a buffer is
// free again.
TEST_CASE("double buffers") {
  const auto loop = [](int credits) {
    return "EVT event=2 count=" + std::to_string(credits) + "\n" + R"(
LOOP count=20
  LD region=weights local=0x0 size0=64 size1=1 size2=1 wait=2 signal=1
  MMLD local=0x0 k=8 n=8 wait=1 signal=2
  LD region=weights local=0x40 size0=64 size1=1 size2=1 wait=2 signal=1
  MMLD local=0x40 k=8 n=8 wait=1 signal=2
END
)";
  };
  CHECK(ErrorOf(loop(1)) == "");
  CHECK(ErrorOf(loop(2)) == "");
  // A third credit lets a load overwrite what is still to be read.
  CHECK(ErrorOf(loop(3)).find("nothing makes it wait") != std::string::npos);
}

TEST_CASE("an event from two queues says nothing of either") {
  CHECK(ErrorOf(std::string(kLoad) + " signal=1\n" +
                "VEC op=exp src0=0x100 dst=0x100 rows=1 cols=4 signal=1\n" +
                kUse + " wait=1,1\n") != "");
}

TEST_CASE("cores wait by barriers only") {
  const std::string store =
      "ST region=cache local=0x0 size0=64 size1=1 size2=1 cores=1\n";
  const std::string load =
      "LD region=cache offset=32 local=0x0 size0=64 size1=1 size2=1 cores=2\n";
  CHECK(ErrorOf(store + load, 2).find("of core 0") != std::string::npos);
  CHECK(ErrorOf(store + "BAR\n" + load, 2) == "");
  // Columns of the same rows lie apart.
  const std::string columns = R"(
DCFG.store remote_stride1=64
ADDC reg=1 value=16
ST region=cache reg=1 local=0x0 size0=SIZE size1=8 size2=1
)";
  const auto with = [&](const std::string& size) {
    std::string text = columns;
    text.replace(text.find("SIZE"), 4, size);
    return ErrorOf(text, 3);
  };
  CHECK(with("16") == "");
  CHECK(with("17") != "");
}

TEST_CASE("a store is done before its bytes are loaded again") {
  const std::string store =
      "ST region=l2 local=0x0 size0=64 size1=1 size2=1 signal=1\n";
  const std::string load =
      "LD region=l2 offset=32 local=0x100 size0=64 size1=1 size2=1";
  CHECK(ErrorOf(store + load) != "");
  CHECK(ErrorOf(store + load + " wait=1") == "");
}

}  // namespace
}  // namespace triptych::npu
