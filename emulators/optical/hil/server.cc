// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/hil/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace triptych::optical::hil {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr std::string_view kName = "triptych hil serve";
constexpr uint32_t kAll = kSimulatedElements | kRegisters | kDem | kCorrection |
                          kPairs | kCalibration | kBitErrors;
constexpr uint32_t kMaxLanes = 65536;
// Beyond what any converter tells apart, and far from the end of an int32.
constexpr int32_t kFarLevel = 4096 * rtl::kSarLevelsPerLsb;
// How often a server that waits looks whether it should stop.
constexpr auto kLook = 100ms;
// A host that takes no bytes for so long is not there.
constexpr auto kPatience = 10s;

std::unexpected<Error> Refuse(std::string what) {
  return MakeError(ErrorCode::kInvalid, std::move(what));
}

}  // namespace

Bytes HostSession::Answer(const Frame& request) {
  if (request.sequence == done_ && !last_.empty()) return last_;
  if (request.sequence != done_ + 1) {
    return Encode({kRefused, request.sequence,
                   PackText(fmt::format("request {} is out of turn; allowed "
                                        "{}, or {} again",
                                        request.sequence, done_ + 1, done_))});
  }
  Result<Reply> reply = Do(request);
  if (!reply) reply = Reply{kRefused, PackText(reply.error().message)};
  done_ = request.sequence;
  last_ = Encode({reply->type, done_, std::move(reply->payload)});
  return last_;
}

Result<HostSession::Reply> HostSession::Do(const Frame& request) {
  if (request.type == kHello) return Greet(request);
  if (!greeted_) return Refuse("a hello comes first");
  switch (request.type) {
    case kConfigure:
      return Configure(request);
    case kOpen:
      return Open(request);
    case kSources:
      return ConvertSources(request);
    case kReceivers:
      return ConvertReceivers(request);
    case kRead:
    case kWrite:
      return Register(request);
    case kBye:
      over_ = true;
      return Reply{kDone};
    default:
      return Refuse(fmt::format("no request of type {}", request.type));
  }
}

Result<HostSession::Reply> HostSession::Greet(const Frame& request) {
  TRIPTYCH_ASSIGN(const Hello hello, UnpackHello(request));
  const uint16_t version = std::min(hello.newest, kNewestVersion);
  if (version < std::max(hello.oldest, kOldestVersion)) {
    return Refuse(fmt::format(
        "versions {} to {} are not known; allowed {} to "
        "{}",
        hello.oldest, hello.newest, kOldestVersion, kNewestVersion));
  }
  greeted_ = true;
  return Reply{kWelcome, Pack(Welcome{.version = version,
                                      .capabilities = kAll,
                                      .sources = kMaxLanes,
                                      .receivers = kMaxLanes,
                                      .dac_bits = rtl::kDacBits,
                                      .adc_bits = rtl::kSarMaxBits,
                                      .name = std::string(kName)})};
}

Result<HostSession::Reply> HostSession::Configure(const Frame& request) {
  TRIPTYCH_ASSIGN(const BoundarySettings settings, UnpackSettings(request));
  sources_.reset();
  receivers_.reset();
  settings_ = settings;
  boundary_.reset();
  chip_.emplace(settings_);
  boundary_.emplace(settings_, *chip_, rtl_);
  return Reply{kDone};
}

Result<HostSession::Reply> HostSession::Open(const Frame& request) {
  TRIPTYCH_ASSIGN(const OpenRequest open, UnpackOpen(request));
  if (!boundary_) return Refuse("nothing is configured");
  const uint32_t lanes =
      open.role == 0 ? settings_.sources : settings_.receivers;
  if (open.first % rtl::kSarLanes != 0 || open.first >= lanes ||
      open.count > lanes - open.first) {
    return Refuse(
        fmt::format("lanes {} and {} more are not allowed; allowed "
                    "from a multiple of {}, up to {}",
                    open.first, open.count, rtl::kSarLanes, lanes));
  }
  sources_.reset();
  receivers_.reset();
  lanes_ = open.count;
  if (open.role == 0) {
    TRIPTYCH_ASSIGN(sources_,
                    boundary_->OpenSources(open.tile, open.first, open.count));
  } else {
    TRIPTYCH_ASSIGN(receivers_, boundary_->OpenReceivers(open.tile, open.first,
                                                         open.count));
  }
  return Reply{kDone};
}

Result<HostSession::Reply> HostSession::ConvertSources(const Frame& request) {
  if (sources_ == nullptr) return Refuse("no sources are open");
  std::vector<uint16_t> codes(lanes_);
  TRIPTYCH_TRY(UnpackArray(request, std::span(codes)));
  const uint16_t largest = *std::ranges::max_element(codes);
  if (largest >= 1 << settings_.dac_bits) {
    return Refuse(fmt::format("code {} is not allowed; allowed {} bits",
                              largest, settings_.dac_bits));
  }
  std::vector<int32_t> levels(lanes_);
  TRIPTYCH_TRY(sources_->Convert(codes, levels));
  conversions_ += lanes_;
  return Reply{kLevels, PackArray(std::span<const int32_t>(levels))};
}

Result<HostSession::Reply> HostSession::ConvertReceivers(const Frame& request) {
  if (receivers_ == nullptr) return Refuse("no receivers are open");
  std::vector<int32_t> levels(lanes_);
  TRIPTYCH_TRY(UnpackArray(request, std::span(levels)));
  const auto [low, high] = std::ranges::minmax_element(levels);
  if (*low < -kFarLevel || *high > kFarLevel) {
    return Refuse(
        fmt::format("levels from {} to {} are not allowed; allowed "
                    "-{} to {}",
                    *low, *high, kFarLevel, kFarLevel));
  }
  std::vector<int16_t> values(lanes_);
  TRIPTYCH_TRY(receivers_->Convert(levels, values));
  conversions_ += lanes_;
  return Reply{kValues, PackArray(std::span<const int16_t>(values))};
}

SliceRegisters* HostSession::registers() {
  if (sources_ != nullptr) return sources_.get();
  return receivers_.get();
}

Result<HostSession::Reply> HostSession::Register(const Frame& frame) {
  TRIPTYCH_ASSIGN(const RegisterRequest request, UnpackRegister(frame));
  if (registers() == nullptr) return Refuse("no slices are open");
  if (frame.type == kWrite) {
    TRIPTYCH_TRY(
        registers()->Write(request.slice, request.offset, request.data));
    return Reply{kDone};
  }
  TRIPTYCH_ASSIGN(const uint32_t word,
                  registers()->Read(request.slice, request.offset));
  return Reply{kWord, PackArray(std::span(&word, 1))};
}

Result<Server> Server::Listen(const Address& address, RtlSubset rtl) {
  TRIPTYCH_ASSIGN(Socket socket, Socket::Listen(address));
  Address got = address;
  if (address.tcp) {
    TRIPTYCH_ASSIGN(const uint16_t port, socket.Port());
    got.port = std::to_string(port);
  }
  return Server(std::move(got), std::move(socket), std::move(rtl));
}

Status Server::Serve(const std::atomic<bool>& stop, bool once) {
  while (!stop) {
    Socket::Wait wait;
    TRIPTYCH_ASSIGN(const Socket host,
                    socket_.Accept(steady_clock::now() + kLook, &wait));
    if (wait == Socket::Wait::kGone) {
      return MakeError(ErrorCode::kIo, address_.Text() + ": gone");
    }
    if (wait == Socket::Wait::kTimeout) continue;
    ++counters_.hosts;
    ServeHost(host, stop);
    if (once) return {};
  }
  return {};
}

void Server::ServeHost(const Socket& host, const std::atomic<bool>& stop) {
  HostSession session(rtl_);
  FrameReader reader;
  std::array<uint8_t, 65536> bytes;
  bool there = true;
  while (there && !stop && !session.over()) {
    Frame request;
    Bytes answer;
    switch (reader.Next(&request)) {
      case FrameReader::Found::kFrame:
        ++counters_.requests;
        answer = session.Answer(request);
        break;
      case FrameReader::Found::kDamaged:
        ++counters_.damaged;
        answer = session.Again();
        break;
      case FrameReader::Found::kNothing: {
        size_t size = 0;
        const Socket::Wait wait =
            host.Receive(bytes, steady_clock::now() + kLook, &size);
        there = wait != Socket::Wait::kGone;
        reader.Feed(std::span(bytes).first(size));
        continue;
      }
    }
    there = host.Send(answer, steady_clock::now() + kPatience) ==
            Socket::Wait::kReady;
  }
  counters_.conversions += session.conversions();
}

}  // namespace triptych::optical::hil
