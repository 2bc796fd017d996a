// The other end of the socket: answers requests of a host with the converters
// of this machine, by their models or their RTL.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_HIL_SERVER_H_
#define TRIPTYCH_EMULATORS_OPTICAL_HIL_SERVER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "emulators/optical/hil/boundary.h"
#include "emulators/optical/hil/chip.h"
#include "emulators/optical/hil/frame.h"
#include "emulators/optical/hil/local.h"
#include "emulators/optical/hil/messages.h"
#include "emulators/optical/hil/socket.h"
#include "kernels/base/result.h"

namespace triptych::optical::hil {

// What one host was told, and what is open for it. Knows nothing of sockets.
class HostSession {
 public:
  explicit HostSession(RtlSubset rtl) : rtl_(std::move(rtl)) {}

  // The answer to a sound frame: of a request that came again, the same one
  // as before, without doing it again.
  Bytes Answer(const Frame& request);
  // The answer to a damaged one.
  Bytes Again() const { return Encode({kAgain, done_ + 1, {}}); }
  bool over() const { return over_; }  // the host has said so
  uint64_t conversions() const { return conversions_; }

 private:
  struct Reply {
    Type type;
    Bytes payload = {};
  };
  Result<Reply> Do(const Frame& request);
  Result<Reply> Greet(const Frame& request);
  Result<Reply> Configure(const Frame& request);
  Result<Reply> Open(const Frame& request);
  Result<Reply> ConvertSources(const Frame& request);
  Result<Reply> ConvertReceivers(const Frame& request);
  Result<Reply> Register(const Frame& request);
  SliceRegisters* registers();

  RtlSubset rtl_;
  uint32_t done_ = 0;  // number of the last request
  Bytes last_;         // and its answer
  bool greeted_ = false, over_ = false;
  BoundarySettings settings_;
  std::optional<Chip> chip_;
  std::optional<LocalBoundary> boundary_;
  std::unique_ptr<SourceBoundary> sources_;      // one of the two, or none,
  std::unique_ptr<ReceiverBoundary> receivers_;  // is open
  uint32_t lanes_ = 0;                           // of it
  uint64_t conversions_ = 0;
};

struct ServerCounters {
  uint64_t hosts = 0, requests = 0, damaged = 0, conversions = 0;
};

// Serves one host at a time; others wait.
class Server {
 public:
  static Result<Server> Listen(const Address& address, RtlSubset rtl);
  // With the port that it got.
  const Address& address() const { return address_; }
  // Until `stop`, or the first host has left if `once`. Errors: the listening
  // socket's; a host that misbehaves is only put out.
  Status Serve(const std::atomic<bool>& stop, bool once);
  const ServerCounters& counters() const { return counters_; }

 private:
  Server(Address address, Socket socket, RtlSubset rtl)
      : address_(std::move(address)),
        socket_(std::move(socket)),
        rtl_(std::move(rtl)) {}
  void ServeHost(const Socket& host, const std::atomic<bool>& stop);

  Address address_;
  Socket socket_;
  RtlSubset rtl_;
  ServerCounters counters_;
};

}  // namespace triptych::optical::hil

#endif  // TRIPTYCH_EMULATORS_OPTICAL_HIL_SERVER_H_
