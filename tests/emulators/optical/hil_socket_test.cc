// The socket protocol: what goes over it, over bad lines too, and what is said
// when it cannot.
// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "emulators/optical/hil/client.h"
#include "emulators/optical/hil/frame.h"
#include "emulators/optical/hil/local.h"
#include "emulators/optical/hil/messages.h"
#include "kernels/base/rng.h"
#include "rtl/rtl_constants.h"
#include "tests/emulators/optical/hil_peers.h"

namespace triptych::optical::hil {
namespace {

BoundarySettings SmallCore() {
  BoundarySettings settings;
  settings.sources = 100;
  settings.receivers = 130;
  settings.dac_unit_sigma = settings.adc_unit_sigma = 0.05;
  settings.dem = rtl::kDemRotate;
  return settings;
}

// ---- Frames ----

TEST_CASE("Frames come out of a stream as they went in, piece by piece") {
  std::vector<Frame> frames;
  Bytes stream;
  Rng rng(1);
  for (uint32_t i = 0; i < 20; ++i) {
    Frame frame{static_cast<uint16_t>(rng.Below(20)), i, {}};
    frame.payload.resize(rng.Below(300));
    for (uint8_t& byte : frame.payload) {
      byte = static_cast<uint8_t>(rng.Next());
    }
    const Bytes bytes = Encode(frame);
    stream.insert(stream.end(), bytes.begin(), bytes.end());
    frames.push_back(std::move(frame));
  }
  FrameReader reader;
  std::vector<Frame> got;
  for (size_t at = 0; at < stream.size();) {
    const size_t size =
        std::min<size_t>(1 + rng.Below(200), stream.size() - at);
    reader.Feed(std::span(stream).subspan(at, size));
    at += size;
    Frame frame;
    while (reader.Next(&frame) == FrameReader::Found::kFrame) {
      got.push_back(frame);
    }
  }
  CHECK(got == frames);
}

TEST_CASE("Every flipped bit is noticed, and the next frame is found") {
  const Bytes first = Encode({kSources, 5, {1, 2, 3, 4, 5}});
  const Bytes second = Encode({kSources, 6, {6, 7}});
  for (size_t bit = 0; bit < 8 * first.size(); ++bit) {
    CAPTURE(bit);
    Bytes stream = first;
    stream[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    stream.insert(stream.end(), second.begin(), second.end());
    FrameReader reader;
    reader.Feed(stream);
    Frame frame;
    REQUIRE(reader.Next(&frame) == FrameReader::Found::kDamaged);
    REQUIRE(reader.Next(&frame) == FrameReader::Found::kFrame);
    CHECK(frame.sequence == 6);
    CHECK(reader.Next(&frame) == FrameReader::Found::kNothing);
  }
}

TEST_CASE("Any bytes: damage is said, nothing is believed") {
  Rng rng(2);
  FrameReader reader;
  Frame frame;
  int damaged = 0;
  for (int piece = 0; piece < 1000; ++piece) {
    Bytes bytes(rng.Below(500));
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.Next());
    reader.Feed(bytes);
    while (true) {
      const FrameReader::Found found = reader.Next(&frame);
      CHECK(found != FrameReader::Found::kFrame);
      if (found == FrameReader::Found::kNothing) break;
      ++damaged;
    }
  }
  CHECK(damaged == 1);  // never sound in between
}

// ---- Addresses ----

TEST_CASE("Addresses") {
  CHECK(ParseAddress("unix:/tmp/x")->Text() == "unix:/tmp/x");
  CHECK(ParseAddress("tcp:localhost:5000")->Text() == "tcp:localhost:5000");
  CHECK(ParseAddress("tcp:[::1]:5000")->host == "::1");
  for (const std::string& wrong :
       {std::string("unix:"), std::string("tcp:localhost"),
        std::string("tcp::1"), std::string("tcp:a:70000"),
        std::string("tcp:a:1x"), std::string("/tmp/x"),
        "unix:" + std::string(200, 'x')}) {
    CAPTURE(wrong);
    const auto address = ParseAddress(wrong);
    REQUIRE(!address.has_value());
    CHECK(address.error().message.find("allowed") != std::string::npos);
  }
}

// ---- Conversions ----

// The same vectors through two boundaries; values and, asked of both,
// registers.
void CheckAlike(Boundary& a, Boundary& b, const BoundarySettings& settings,
                int vectors) {
  Rng rng(3);
  for (uint16_t tile = 0; tile < 2; ++tile) {
    const uint32_t first = 64 * tile;
    const uint32_t sources = settings.sources - first;
    const auto from_a = a.OpenSources(tile, first, sources).value();
    const auto from_b = b.OpenSources(tile, first, sources).value();
    std::vector<uint16_t> codes(sources);
    std::vector<int32_t> level_a(sources), level_b(sources);
    for (int vector = 0; vector < vectors; ++vector) {
      for (uint16_t& code : codes) {
        code = static_cast<uint16_t>(rng.Below(256));
      }
      REQUIRE(from_a->Convert(codes, level_a).has_value());
      const Status status = from_b->Convert(codes, level_b);
      REQUIRE_MESSAGE(status.has_value(), status.error().message);
      CHECK(level_a == level_b);
    }
    const uint32_t receivers = settings.receivers - first;
    const auto to_a = a.OpenReceivers(tile, first, receivers).value();
    const auto to_b = b.OpenReceivers(tile, first, receivers).value();
    std::vector<int32_t> levels(receivers);
    std::vector<int16_t> value_a(receivers), value_b(receivers);
    for (int vector = 0; vector < vectors; ++vector) {
      for (int32_t& level : levels) {
        level = static_cast<int32_t>(rng.Below(1024 * 256));
      }
      REQUIRE(to_a->Convert(levels, value_a).has_value());
      const Status status = to_b->Convert(levels, value_b);
      REQUIRE_MESSAGE(status.has_value(), status.error().message);
      CHECK(value_a == value_b);
    }
    for (const uint32_t offset : {rtl::kRegVectors, rtl::kRegWorkCycles}) {
      CHECK(to_a->Read(1 + tile, offset).value() ==
            to_b->Read(1 + tile, offset).value());
    }
    CHECK(to_b->Write(1 + tile, rtl::kRegClear, 1).has_value());
    CHECK(to_b->Read(1 + tile, rtl::kRegVectors).value() == 0);
  }
}

TEST_CASE("Over a socket as on this machine; UNIX, TCP, model, RTL") {
  const BoundarySettings settings = SmallCore();
  const Chip chip(settings);
  const SocketPath path;
  for (const char* rtl : {"none", "all"}) {
    for (const Address& address :
         {path.address(), *ParseAddress("tcp:127.0.0.1:0")}) {
      ServerThread server(address, rtl);
      LocalBoundary local(settings, chip, {});
      {
        const auto client = Client::Connect(server.address(), settings, {});
        REQUIRE_MESSAGE(client.has_value(), client.error().message);
        CHECK((*client)->peer().name == "triptych hil serve");
        CheckAlike(local, **client, settings, 5);
        CHECK((*client)->counters().asked_again == 0);
      }
      server.Stop();
      CHECK(server.counters().damaged == 0);
      CHECK(server.counters().conversions == 5 * (100 + 130 + 36 + 66));
    }
  }
}

// Requests are numbered, so whatever the line does, each is done once: levels
// of rotating elements would be others if one were done twice.
TEST_CASE("A line that corrupts, drops and delays: retried, the same values") {
  const BoundarySettings settings = SmallCore();
  const Chip chip(settings);
  const SocketPath here, there;
  ServerThread server(there.address());
  Client::Counters counters;
  int spoiled = 0;
  {
    Proxy proxy(
        here.address(), server.address(),
        {.corrupts = 0.05, .drops = 0.03, .delays = 0.02, .delay = 80ms});
    LocalBoundary local(settings, chip, {});
    auto client = Client::Connect(here.address(), settings,
                                  {.timeout = 50ms, .retries = 20});
    REQUIRE_MESSAGE(client.has_value(), client.error().message);
    CheckAlike(local, **client, settings, 40);
    counters = (*client)->counters();
    client->reset();
    spoiled = proxy.corrupted + proxy.dropped;
    CHECK(proxy.corrupted > 0);
    CHECK(proxy.dropped > 0);
    CHECK(proxy.delayed > 0);
  }
  CHECK(counters.asked_again >= static_cast<uint64_t>(spoiled) / 2);
  CHECK(counters.timeouts > 0);
  CHECK(counters.damaged > 0);
}

TEST_CASE("A peer that is gone: who, what and when") {
  const BoundarySettings settings = SmallCore();
  const SocketPath here, there;
  ServerThread server(there.address());
  const Proxy proxy(here.address(), server.address(), {.breaks_after = 6});
  auto client = Client::Connect(here.address(), settings, {});
  REQUIRE_MESSAGE(client.has_value(), client.error().message);
  const auto sources = (*client)->OpenSources(4, 0, 100).value();
  const std::vector<uint16_t> codes(100);
  std::vector<int32_t> levels(100);
  Status status;
  int done = 0;
  while (done < 100 && status) {
    status = sources->Convert(codes, levels);
    done += status.has_value();
  }
  REQUIRE(!status.has_value());
  CHECK(done == 3);  // after a hello, the settings and a tile
  const std::string& message = status.error().message;
  CAPTURE(message);
  CHECK(message.starts_with(here.address().Text()));
  CHECK(message.find("tile 4, sources 0 to 99, vector 3") != std::string::npos);
  CHECK(message.find("the peer is gone; 6 requests were answered") !=
        std::string::npos);
  // And it stays so.
  CHECK(!sources->Convert(codes, levels).has_value());
}

TEST_CASE("A peer that says nothing is given up, in time") {
  const SocketPath path;
  const Socket listener = *Socket::Listen(path.address());
  const auto begin = std::chrono::steady_clock::now();
  const auto client = Client::Connect(path.address(), SmallCore(),
                                      {.timeout = 20ms, .retries = 3});
  REQUIRE(!client.has_value());
  CHECK(client.error().message.find("no sound answer to 4 requests") !=
        std::string::npos);
  CHECK(std::chrono::steady_clock::now() - begin > 80ms);
}

TEST_CASE("Nobody there, and no such host") {
  const SocketPath path;
  const auto client = Client::Connect(path.address(), SmallCore(), {});
  REQUIRE(!client.has_value());
  CHECK(client.error().message.find("cannot connect") != std::string::npos);
}

TEST_CASE("A name that is taken; one whose owner is gone is taken over") {
  const SocketPath path;
  {
    const Socket first = *Socket::Listen(path.address());
    const auto second = Socket::Listen(path.address());
    REQUIRE(!second.has_value());
    CHECK(second.error().message.find("somebody else") != std::string::npos);
  }
  CHECK(Socket::Listen(path.address()).has_value());
}

// ---- What peers disagree about ----

Frame Ask(HostSession& session, const Frame& request) {
  FrameReader reader;
  reader.Feed(session.Answer(request));
  Frame answer;
  REQUIRE(reader.Next(&answer) == FrameReader::Found::kFrame);
  return answer;
}

std::string Refused(HostSession& session, const Frame& request) {
  const Frame answer = Ask(session, request);
  CHECK(answer.type == kRefused);
  CHECK(answer.sequence == request.sequence);
  return UnpackText(answer).value();
}

TEST_CASE("Versions: the newest that both know, or a refusal") {
  HostSession newer(RtlSubset{});
  Hello hello{.oldest = 1, .newest = 9, .name = "of tomorrow"};
  Frame answer = Ask(newer, {kHello, 1, Pack(hello)});
  REQUIRE(answer.type == kWelcome);
  CHECK(UnpackWelcome(answer)->version == kNewestVersion);
  HostSession strange(RtlSubset{});
  hello.oldest = 7;
  CHECK(Refused(strange, {kHello, 1, Pack(hello)}) ==
        "versions 7 to 9 are not known; allowed 1 to 1");
  // It is not greeted: nothing else is answered.
  CHECK(Refused(strange, {kConfigure, 2, Pack(SmallCore())}) ==
        "a hello comes first");
}

// A peer made of answers, one a request.
struct Scripted {
  Scripted(const Address& address, std::vector<Frame> answers)
      : socket(*Socket::Listen(address)),
        thread([this, answers = std::move(answers)] {
          Socket::Wait wait;
          const Socket host = *socket.Accept(In(2s), &wait);
          FrameReader reader;
          for (const Frame& answer : answers) {
            std::array<uint8_t, 4096> bytes;
            Frame request;
            while (reader.Next(&request) != FrameReader::Found::kFrame) {
              size_t size = 0;
              if (host.Receive(bytes, In(2s), &size) != Socket::Wait::kReady) {
                return;
              }
              reader.Feed(std::span(bytes).first(size));
            }
            Frame copy = answer;
            copy.sequence = request.sequence;
            host.Send(Encode(copy), In(1s));
          }
        }) {}
  ~Scripted() { thread.join(); }
  Socket socket;
  std::thread thread;
};

TEST_CASE("A peer that cannot do what is asked of it is told apart") {
  const auto error_of = [](const Frame& answer) {
    const SocketPath path;
    const Scripted peer(path.address(), {answer});
    BoundarySettings settings = SmallCore();
    settings.pairs = true;
    const auto client = Client::Connect(path.address(), settings, {});
    REQUIRE(!client.has_value());
    return client.error().message;
  };
  Welcome welcome{.version = 3,
                  .capabilities = 0xFF,
                  .sources = 1000,
                  .receivers = 1000,
                  .dac_bits = 10,
                  .adc_bits = 10,
                  .name = "bench 4"};
  CHECK(error_of({kWelcome, 0, Pack(welcome)})
            .find("bench 4: speaks version 3; allowed 1 to 1") !=
        std::string::npos);
  welcome.version = 1;
  welcome.capabilities = kSimulatedElements | kDem;
  CHECK(error_of({kWelcome, 0, Pack(welcome)}).find("capabilities 0x10") !=
        std::string::npos);
  welcome.capabilities = 0xFF;
  welcome.receivers = 64;
  CHECK(error_of({kWelcome, 0, Pack(welcome)}).find("130 receivers") !=
        std::string::npos);
  CHECK(error_of({kRefused, 0, PackText("not today")})
            .find("refused: not today") != std::string::npos);
  CHECK(error_of({kValues, 0, {}}).find("an answer of type 10") !=
        std::string::npos);
  CHECK(error_of({kWelcome, 0, {1}}).find("offset 0") != std::string::npos);
}

TEST_CASE("Requests out of turn, of no kind, with nothing open or too much") {
  HostSession session(RtlSubset{});
  CHECK(Ask(session, {kHello, 1, Pack(Hello{})}).type == kWelcome);
  CHECK(Refused(session, {kOpen, 2, Pack(OpenRequest{0, 0, 0, 64})}) ==
        "nothing is configured");
  CHECK(Ask(session, {kConfigure, 3, Pack(SmallCore())}).type == kDone);
  CHECK(Refused(session, {kSources, 4, {}}) == "no sources are open");
  CHECK(Refused(session, {77, 5, {}}) == "no request of type 77");
  CHECK(Refused(session, {kRead, 9, {}}).find("out of turn") !=
        std::string::npos);
  for (const OpenRequest& open :
       {OpenRequest{0, 0, 1, 64}, OpenRequest{0, 0, 64, 37},
        OpenRequest{1, 0, 128, 3}, OpenRequest{0, 0, 128, 1}}) {
    HostSession other(RtlSubset{});
    Ask(other, {kHello, 1, Pack(Hello{})});
    Ask(other, {kConfigure, 2, Pack(SmallCore())});
    CHECK(Refused(other, {kOpen, 3, Pack(open)}).find("not allowed") !=
          std::string::npos);
  }
  CHECK(Ask(session, {kOpen, 6, Pack(OpenRequest{0, 0, 0, 64})}).type == kDone);
  CHECK(Refused(session, {kSources, 7, Bytes(127)}).find("128") !=
        std::string::npos);
  CHECK(Refused(session, {kSources, 8, Bytes(128, 0xFF)}).find("8 bits") !=
        std::string::npos);
  // The host's own registers are not for others.
  CHECK(Refused(session,
                {kWrite, 9, Pack(RegisterRequest{0, rtl::kRegSearch, 1})})
            .find("written") != std::string::npos);
  CHECK(Refused(session, {kRead, 10, Pack(RegisterRequest{9, 0, 0})})
            .find("not open") != std::string::npos);
  CHECK(Ask(session, {kOpen, 11, Pack(OpenRequest{1, 0, 0, 1})}).type == kDone);
  CHECK(
      Refused(session, {kReceivers, 12, {0, 0, 0, 0x7F}}).find("not allowed") !=
      std::string::npos);
  CHECK(Ask(session, {kBye, 13, {}}).type == kDone);
  CHECK(session.over());
}

TEST_CASE("Settings that are not allowed say where") {
  const auto error_of = [](auto spoil) {
    BoundarySettings settings = SmallCore();
    spoil(settings);
    const auto got = UnpackSettings({kConfigure, 1, Pack(settings)});
    return got ? "" : got.error().message;
  };
  using S = BoundarySettings;
  CHECK(UnpackSettings({kConfigure, 1, Pack(SmallCore())}).value() ==
        SmallCore());
  CHECK(error_of([](S& s) { s.sources = 0; }).find("sources") !=
        std::string::npos);
  CHECK(error_of([](S& s) { s.receivers = 1 << 20; }).find("65536") !=
        std::string::npos);
  CHECK(error_of([](S& s) { s.adc_bits = 11; }).find("adc_bits") !=
        std::string::npos);
  CHECK(error_of([](S& s) { s.dem = 3; }).find("dem") != std::string::npos);
  CHECK(error_of([](S& s) {
          s.bit_errors = std::nan("");
        }).find("bit_errors") != std::string::npos);
  CHECK(error_of([](S& s) {
          s.dac_unit_sigma = 1e300;
        }).find("dac_unit_sigma") != std::string::npos);
}

TEST_CASE("A host that sends rubbish is answered, and serving goes on") {
  const SocketPath path;
  ServerThread server(path.address());
  {
    const Socket rubbish = *Socket::Connect(path.address(), In(1s));
    Rng rng(9);
    for (int piece = 0; piece < 50; ++piece) {
      Bytes bytes(1 + rng.Below(3000));
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(rng.Next());
      REQUIRE(rubbish.Send(bytes, In(1s)) == Socket::Wait::kReady);
    }
  }
  const auto client = Client::Connect(path.address(), SmallCore(), {});
  REQUIRE_MESSAGE(client.has_value(), client.error().message);
  CHECK((*client)->OpenSources(0, 0, 64).has_value());
}

}  // namespace
}  // namespace triptych::optical::hil
