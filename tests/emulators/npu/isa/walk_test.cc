// The front end and the rules of streams.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/isa/walk.h"

#include <doctest/doctest.h>

#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "emulators/npu/isa/check.h"
#include "tests/emulators/npu/isa/commands.h"

namespace triptych::npu {
namespace {

Stream MustCheck(const std::vector<Command>& commands, int cores = 1) {
  auto stream = Stream::Check(commands, SmallMachine(cores), "s");
  REQUIRE_MESSAGE(stream, (stream ? "" : stream.error().message));
  return *std::move(stream);
}

std::string ErrorOf(const std::vector<Command>& commands, int cores = 1) {
  const auto stream = Stream::Check(commands, SmallMachine(cores), "s");
  if (!stream) return stream.error().message;
  for (int core = 0; core < cores; ++core) {
    FrontEnd front_end(*stream, core);
    Issue issue;
    while (front_end.Next(issue)) {
      const Status status = CheckIssue(*stream, issue);
      if (!status) return status.error().message;
    }
  }
  return "";
}

// (index in the stream, remote offset) of everything a core issues.
std::vector<std::pair<uint32_t, int64_t>> Walked(const Stream& stream,
                                                 int core) {
  std::vector<std::pair<uint32_t, int64_t>> out;
  FrontEnd front_end(stream, core);
  Issue issue;
  while (front_end.Next(issue)) out.emplace_back(issue.index, issue.remote);
  CHECK(front_end.decoded() == stream.decoded());
  return out;
}

TEST_CASE("loops, registers and masks") {
  Command masked = Marked(7);
  masked = Moves(Opcode::kLoad, Region::kWeights, 4, 0, 8, 1, 2);
  masked.cores = 2;
  const std::vector<Command> commands = {
      OnRegister(Opcode::kSet, 1, 100),
      OnRegister(Opcode::kAddCore, 1, 1000),
      LoopOf(2),
      OnRegister(Opcode::kSet, 2, 0),
      LoopOf(3),
      Moves(Opcode::kLoad, Region::kWeights, 1, 0, 8, 1, 1),
      masked,
      OnRegister(Opcode::kAdd, 2, 16),
      End(),
      OnRegister(Opcode::kAdd, 1, -10),
      End(),
  };
  const Stream stream = MustCheck(commands, 2);
  CHECK(stream.decoded() == 2 + 1 + 2 * (1 + 1 + 3 * 4 + 1 + 1));
  using P = std::pair<uint32_t, int64_t>;
  CHECK(
      Walked(stream, 0) ==
      std::vector<P>{{5, 101}, {5, 101}, {5, 101}, {5, 91}, {5, 91}, {5, 91}});
  const auto second = Walked(stream, 1);
  REQUIRE(second.size() == 12);
  CHECK(second[0] == P{5, 1101});
  CHECK(second[1] == P{6, 4});
  CHECK(second[3] == P{6, 20});
  CHECK(second[10] == P{5, 1091});
  CHECK(second[11] == P{6, 36});
}

TEST_CASE("strides and weights in force") {
  Command config = Plain(Opcode::kDmaConfig, kForLoad);
  config.operands.dma_config = {64, 0, 0, 0};
  const std::vector<Command> commands = {
      config,
      Moves(Opcode::kLoad, Region::kWeights, 0, 0, 16, 16),
      Moves(Opcode::kStore, Region::kCache, 0, 0, 16),
      Weights(0, 8, 4),
      Product(256, 0, 2, kSwap),
      Weights(0, 16, 16),
      Product(256, 0, 2, 0),
      Barrier(),
      Moves(Opcode::kLoad, Region::kWeights, 0, 0, 16),
  };
  const Stream stream = MustCheck(commands);
  FrontEnd front_end(stream, 0);
  std::vector<Issue> issues;
  for (Issue issue; front_end.Next(issue);) issues.push_back(issue);
  REQUIRE(issues.size() == 9);
  CHECK(issues[1].dma->remote_stride1 == 64);
  CHECK(issues[2].dma->remote_stride1 == 0);
  CHECK(issues[4].k == 8);
  CHECK(issues[4].n == 4);
  CHECK(issues[6].k == 8);  // the other plane still waits
  CHECK(issues[8].dma->remote_stride1 == 0);
}

TEST_CASE("streams that are not well formed") {
  Command bad = Marked(1);
  bad.opcode = static_cast<Opcode>(200);
  CHECK(ErrorOf({bad}) ==
        "s: command 0: .word 0xc8 0x1 0x0 0x0: opcode 200; allowed up to 23");
  CHECK(ErrorOf({End()}) == "s: command 0: END: there is no LOOP to end");
  CHECK(ErrorOf({LoopOf(2)}) == "s: command 0: LOOP count=2: there is no END");
  CHECK(ErrorOf({LoopOf(0), End()}).ends_with("count is 0; allowed from 1"));
  std::vector<Command> deep(5, LoopOf(1));
  deep.insert(deep.end(), 5, End());
  CHECK(ErrorOf(deep).ends_with("loops inside loops; allowed are 4"));
  std::vector<Command> long_run(4, LoopOf(0xffffffff));
  long_run.insert(long_run.end(), 4, End());
  CHECK(ErrorOf(long_run).find("which is the limit") != std::string::npos);
  CHECK(ErrorOf({Plain(Opcode::kHalt), Barrier()})
            .ends_with("allowed only at the stream's end"));
  CHECK(ErrorOf({OnRegister(Opcode::kSet, 0, 1)})
            .ends_with("reg is 0; allowed 1 to 31"));
  CHECK(ErrorOf({Moves(Opcode::kStore, Region::kWeights, 0, 0, 4)})
            .ends_with("allowed l2, cache, activations"));
  Command unused = Marked(1);
  unused.operands.words[2] = 1;
  CHECK(ErrorOf({unused}).ends_with("unused bytes are not 0; allowed only 0"));
  Command cores = Barrier();
  cores.cores = 1;
  CHECK(ErrorOf({cores}).ends_with("allowed only all of them"));
  cores = Moves(Opcode::kLoad, Region::kL2, 0, 0, 4);
  cores.cores = 4;
  CHECK(ErrorOf({cores}, 2).ends_with("the machine has 2"));
  Command event = Barrier();
  event.wait[0] = 3;
  CHECK(ErrorOf({event}).ends_with("commands that go to a queue"));
}

TEST_CASE("addresses, overlaps and missing weights") {
  CHECK(ErrorOf({Moves(Opcode::kLoad, Region::kL2, 4090, 0, 8)})
            .ends_with("leave the l2; allowed 0 to 4096"));
  CHECK(ErrorOf({Moves(Opcode::kLoad, Region::kL2, 0, 8190, 8)})
            .ends_with("leave the scratchpad; allowed 0 to 8192"));
  CHECK(ErrorOf({Moves(Opcode::kLoad, Region::kL2, 0, kAccBit | 4092, 8)})
            .ends_with("leave the accumulators; allowed 0 to 4096"));
  CHECK(ErrorOf({OnRegister(Opcode::kSet, 1, INT64_MAX),
                 Moves(Opcode::kLoad, Region::kL2, 9, 0, 8, 1, 1)})
            .ends_with("leave the l2; allowed 0 to 4096"));
  CHECK(ErrorOf({Product(0, 0, 1, 0)}).find("holds no weights") !=
        std::string::npos);
  CHECK(ErrorOf({Product(0, 0, 1, kSwap)}).find("holds no weights") !=
        std::string::npos);
  CHECK(ErrorOf({Vectors(VectorOp::kExp, 2, 0, 64, 1, 4)})
            .ends_with("allowed multiples of 4"));
  // In place is allowed, a shifted place is not.
  CHECK(ErrorOf({Vectors(VectorOp::kExp, 64, 0, 64, 2, 4)}) == "");
  CHECK(ErrorOf({Vectors(VectorOp::kExp, 64, 0, 68, 2, 4)})
            .ends_with("allowed apart"));
  CHECK(ErrorOf({Vectors(VectorOp::kAdd, 64, 128, 128, 2, 4)})
            .ends_with("allowed apart"));
  // Columns of one matrix lie apart although their spans overlap.
  Command strides = Plain(Opcode::kVectorConfig);
  strides.operands.vector_config = {64, 0, 64};
  CHECK(ErrorOf({strides, Vectors(VectorOp::kExp, 0, 0, 32, 4, 8)}) == "");
  CHECK(ErrorOf({strides, Vectors(VectorOp::kExp, 0, 0, 28, 4, 8)})
            .ends_with("allowed apart"));
  // A multicast needs one address.
  Command multicast = Moves(Opcode::kLoad, Region::kL2, 0, 0, 8, 1, 1);
  multicast.flags = kMulticast;
  CHECK(ErrorOf({OnRegister(Opcode::kAddCore, 1, 64), multicast}, 2)
            .ends_with("registers set for all alike"));
  CHECK(ErrorOf({OnRegister(Opcode::kAddCore, 1, 64),
                 OnRegister(Opcode::kSet, 1, 64), multicast},
                2) == "");
}

TEST_CASE("the front end is fast") {
  const std::vector<Command> commands = {
      LoopOf(1000000),
      Moves(Opcode::kLoad, Region::kL2, 0, 0, 8, 1, 1),
      OnRegister(Opcode::kAdd, 1, 1),
      Vectors(VectorOp::kExp, 0, 0, 0, 1, 4),
      End(),
  };
  const Stream stream = MustCheck(commands);
  const std::clock_t start = std::clock();
  FrontEnd front_end(stream, 0);
  Issue issue;
  int64_t sum = 0;
  while (front_end.Next(issue)) sum += issue.remote;
  const double seconds =
      static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(sum != 0);
  MESSAGE("commands a second: ",
          static_cast<double>(front_end.decoded()) / seconds);
}

}  // namespace
}  // namespace triptych::npu
