// The converter boundary of whoever answers on a socket.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_HIL_CLIENT_H_
#define TRIPTYCH_EMULATORS_OPTICAL_HIL_CLIENT_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "emulators/optical/hil/boundary.h"
#include "emulators/optical/hil/frame.h"
#include "emulators/optical/hil/messages.h"
#include "emulators/optical/hil/socket.h"
#include "kernels/base/result.h"

namespace triptych::optical::hil {

struct ClientOptions {
  std::chrono::milliseconds timeout{2000};  // for an answer
  int retries = 5;                          // of one request
};

// A request is asked again if its answer does not come in time, or either of
// the two is damaged: it is done once all the same, for the peer knows it by
// its number. Errors name the peer, what it was asked and what became of it.
class Client : public Boundary {
 public:
  struct Counters {
    uint64_t requests = 0;  // answered
    uint64_t asked_again = 0, timeouts = 0, damaged = 0, stale = 0;
  };

  // Connects, agrees on a version and says how converters are to be set up.
  // Errors: nobody there, a version or a setting the peer does not know.
  static Result<std::unique_ptr<Client>> Connect(
      const Address& address, const BoundarySettings& settings,
      const ClientOptions& options);
  ~Client() override;

  Result<std::unique_ptr<SourceBoundary>> OpenSources(uint16_t tile,
                                                      uint32_t first,
                                                      uint32_t count) override;
  Result<std::unique_ptr<ReceiverBoundary>> OpenReceivers(
      uint16_t tile, uint32_t first, uint32_t count) override;

  const Welcome& peer() const { return peer_; }
  const Counters& counters() const { return counters_; }

  // One request; `answer` is what is expected. `what` is for messages.
  Result<Frame> Ask(Type type, Bytes payload, Type answer,
                    const std::string& what);

 private:
  enum class Attempt : uint8_t { kAnswered, kAgain, kGone };

  Client(Address address, Socket socket, const ClientOptions& options)
      : address_(std::move(address)),
        socket_(std::move(socket)),
        options_(options) {}
  Status Greet(const BoundarySettings& settings);
  Status Open(uint8_t role, uint16_t tile, uint32_t first, uint32_t count);
  Attempt Try(const Bytes& request, uint32_t sequence, Frame* answer);
  std::unexpected<Error> Lost(const std::string& what, std::string_view why);
  std::unexpected<Error> Refusal(const std::string& what,
                                 const Frame& answer) const;

  Address address_;
  Socket socket_;
  ClientOptions options_;
  Welcome peer_;
  FrameReader reader_;
  Counters counters_;
  uint32_t sequence_ = 0;
};

}  // namespace triptych::optical::hil

#endif  // TRIPTYCH_EMULATORS_OPTICAL_HIL_CLIENT_H_
