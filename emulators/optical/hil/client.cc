// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/hil/client.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace triptych::optical::hil {
namespace {

using std::chrono::steady_clock;

constexpr std::string_view kName = "triptych";

// What is open at the peer, by requests.
template <class Base>
class Remote : public Base {
 public:
  Remote(Client& client, std::string where)
      : client_(client), where_(std::move(where)) {}
  Result<uint32_t> Read(uint32_t slice, uint32_t offset) override {
    TRIPTYCH_ASSIGN(const Frame answer,
                    client_.Ask(kRead, Pack(RegisterRequest{slice, offset, 0}),
                                kWord, where_ + ": reading a register"));
    uint32_t word = 0;
    TRIPTYCH_TRY(UnpackArray(answer, std::span(&word, 1)));
    return word;
  }
  Status Write(uint32_t slice, uint32_t offset, uint32_t data) override {
    TRIPTYCH_TRY(client_.Ask(kWrite, Pack(RegisterRequest{slice, offset, data}),
                             kDone, where_ + ": writing a register"));
    return {};
  }

 protected:
  template <class In, class Out>
  Status Exchange(Type type, std::span<const In> in, Type answer_type,
                  std::span<Out> out) {
    TRIPTYCH_ASSIGN(const Frame answer,
                    client_.Ask(type, PackArray(in), answer_type,
                                fmt::format("{}, vector {}", where_, vector_)));
    ++vector_;
    return UnpackArray(answer, out);
  }

 private:
  Client& client_;
  std::string where_;
  uint64_t vector_ = 0;
};

class RemoteSources : public Remote<SourceBoundary> {
 public:
  using Remote::Remote;
  Status Convert(std::span<const uint16_t> codes,
                 std::span<int32_t> levels) override {
    return Exchange(kSources, codes, kLevels, levels);
  }
};

class RemoteReceivers : public Remote<ReceiverBoundary> {
 public:
  using Remote::Remote;
  Status Convert(std::span<const int32_t> levels,
                 std::span<int16_t> values) override {
    return Exchange(kReceivers, levels, kValues, values);
  }
};

std::string Where(std::string_view side, uint16_t tile, uint32_t first,
                  uint32_t count) {
  return fmt::format("tile {}, {} {} to {}", tile, side, first,
                     first + count - 1);
}

}  // namespace

Result<std::unique_ptr<Client>> Client::Connect(
    const Address& address, const BoundarySettings& settings,
    const ClientOptions& options) {
  TRIPTYCH_ASSIGN(Socket socket, Socket::Connect(address, steady_clock::now() +
                                                              options.timeout));
  std::unique_ptr<Client> client(
      new Client(address, std::move(socket), options));
  TRIPTYCH_TRY(client->Greet(settings));
  return client;
}

Client::~Client() {
  if (!socket_.open()) return;
  // A courtesy: nobody waits for what becomes of it.
  socket_.Send(Encode({kBye, ++sequence_, {}}), steady_clock::now());
}

Status Client::Greet(const BoundarySettings& settings) {
  Hello hello;
  hello.name = kName;
  TRIPTYCH_ASSIGN(const Frame answer,
                  Ask(kHello, Pack(hello), kWelcome, "greeting"));
  Result<Welcome> welcome = UnpackWelcome(answer);
  if (!welcome) return Locate(std::move(welcome).error(), address_.Text());
  peer_ = *welcome;
  const auto cannot = [this](const std::string& what) {
    return MakeError(
        ErrorCode::kUnsupported,
        fmt::format("{}: {}: {}", address_.Text(), peer_.name, what));
  };
  if (peer_.version < kOldestVersion || peer_.version > kNewestVersion) {
    return cannot(fmt::format("speaks version {}; allowed {} to {}",
                              peer_.version, kOldestVersion, kNewestVersion));
  }
  if (const uint32_t missing = Needed(settings) & ~peer_.capabilities) {
    return cannot(
        fmt::format("cannot do all that is asked of it: lacks capabilities "
                    "0x{:x} (see emulators/optical/hil/README.md)",
                    missing));
  }
  if (settings.sources > peer_.sources ||
      settings.receivers > peer_.receivers ||
      settings.dac_bits > peer_.dac_bits ||
      settings.adc_bits > peer_.adc_bits) {
    return cannot(fmt::format(
        "{} sources of {} bits and {} receivers of {} bits are asked for; "
        "allowed {} of {} and {} of {}",
        settings.sources, settings.dac_bits, settings.receivers,
        settings.adc_bits, peer_.sources, peer_.dac_bits, peer_.receivers,
        peer_.adc_bits));
  }
  TRIPTYCH_TRY(Ask(kConfigure, Pack(settings), kDone, "configuring"));
  return {};
}

Status Client::Open(uint8_t role, uint16_t tile, uint32_t first,
                    uint32_t count) {
  TRIPTYCH_TRY(Ask(kOpen, Pack(OpenRequest{role, tile, first, count}), kDone,
                   fmt::format("opening tile {}", tile)));
  return {};
}

Result<std::unique_ptr<SourceBoundary>> Client::OpenSources(uint16_t tile,
                                                            uint32_t first,
                                                            uint32_t count) {
  TRIPTYCH_TRY(Open(0, tile, first, count));
  return std::make_unique<RemoteSources>(*this,
                                         Where("sources", tile, first, count));
}

Result<std::unique_ptr<ReceiverBoundary>> Client::OpenReceivers(
    uint16_t tile, uint32_t first, uint32_t count) {
  TRIPTYCH_TRY(Open(1, tile, first, count));
  return std::make_unique<RemoteReceivers>(
      *this, Where("receivers", tile, first, count));
}

std::unexpected<Error> Client::Lost(const std::string& what,
                                    std::string_view why) {
  socket_.Close();
  return MakeError(
      ErrorCode::kIo,
      fmt::format("{}: {}: {}; {} requests were answered before, {} of them "
                  "asked again",
                  address_.Text(), what, why, counters_.requests,
                  counters_.asked_again));
}

// The peer is there and knows better.
std::unexpected<Error> Client::Refusal(const std::string& what,
                                       const Frame& answer) const {
  const Result<std::string> text = UnpackText(answer);
  return MakeError(ErrorCode::kUnsupported,
                   fmt::format("{}: {}: refused: {}", address_.Text(), what,
                               text ? *text : text.error().message));
}

Result<Frame> Client::Ask(Type type, Bytes payload, Type answer_type,
                          const std::string& what) {
  if (!socket_.open()) return Lost(what, "the peer is gone");
  const uint32_t sequence = ++sequence_;
  const Bytes request = Encode({type, sequence, std::move(payload)});
  for (int attempt = 0; attempt <= options_.retries; ++attempt) {
    Frame answer;
    counters_.asked_again += attempt > 0;
    switch (Try(request, sequence, &answer)) {
      case Attempt::kGone:
        return Lost(what, "the peer is gone");
      case Attempt::kAgain:
        continue;
      case Attempt::kAnswered:
        break;
    }
    if (answer.type == answer_type) {
      ++counters_.requests;
      return answer;
    }
    if (answer.type != kRefused) {
      return Lost(what, fmt::format("an answer of type {}; allowed {}",
                                    answer.type, int{answer_type}));
    }
    return Refusal(what, answer);
  }
  return Lost(what,
              fmt::format("no sound answer to {} requests, {} ms each",
                          options_.retries + 1, options_.timeout.count()));
}

Client::Attempt Client::Try(const Bytes& request, uint32_t sequence,
                            Frame* answer) {
  const Deadline deadline = steady_clock::now() + options_.timeout;
  switch (socket_.Send(request, deadline)) {
    case Socket::Wait::kGone:
      return Attempt::kGone;
    case Socket::Wait::kTimeout:
      ++counters_.timeouts;
      return Attempt::kAgain;
    case Socket::Wait::kReady:
      break;
  }
  std::array<uint8_t, 65536> bytes;
  while (true) {
    switch (reader_.Next(answer)) {
      case FrameReader::Found::kDamaged:
        ++counters_.damaged;
        return Attempt::kAgain;
      case FrameReader::Found::kFrame:
        if (answer->sequence == sequence) {
          if (answer->type != kAgain) return Attempt::kAnswered;
          ++counters_.damaged;
          return Attempt::kAgain;
        }
        // To a request that was asked again and answered twice, or a peer's
        // "again" that came late.
        ++counters_.stale;
        continue;
      case FrameReader::Found::kNothing:
        break;
    }
    size_t size = 0;
    switch (socket_.Receive(bytes, deadline, &size)) {
      case Socket::Wait::kGone:
        return Attempt::kGone;
      case Socket::Wait::kTimeout:
        ++counters_.timeouts;
        return Attempt::kAgain;
      case Socket::Wait::kReady:
        reader_.Feed(std::span(bytes).first(size));
    }
  }
}

}  // namespace triptych::optical::hil
