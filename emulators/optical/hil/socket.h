// Stream sockets by address: "unix:PATH" or "tcp:HOST:PORT".
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_HIL_SOCKET_H_
#define TRIPTYCH_EMULATORS_OPTICAL_HIL_SOCKET_H_

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "kernels/base/result.h"

namespace triptych::optical::hil {

struct Address {
  bool tcp = false;
  std::string path;        // of a UNIX socket
  std::string host, port;  // of TCP; port 0, to listen: any that is free
  std::string Text() const;
};
Result<Address> ParseAddress(std::string_view text);

using Deadline = std::chrono::steady_clock::time_point;

// A connection, or what takes them. Moves; closes when it goes.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() { Close(); }
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  // Errors name the address.
  static Result<Socket> Connect(const Address& address, Deadline deadline);
  // A UNIX socket's file that nobody listens to is replaced.
  static Result<Socket> Listen(const Address& address);

  bool open() const { return fd_ >= 0; }
  void Close();
  // The port that a TCP listener got.
  Result<uint16_t> Port() const;

  // What became of waiting.
  enum class Wait : uint8_t { kReady, kTimeout, kGone };
  // kTimeout, or a connection.
  Result<Socket> Accept(Deadline deadline, Wait* wait) const;
  // All of `bytes`.
  Wait Send(std::span<const uint8_t> bytes, Deadline deadline) const;
  // What there is, at least a byte; `size` of it.
  Wait Receive(std::span<uint8_t> bytes, Deadline deadline, size_t* size) const;

 private:
  Wait Poll(short events, Deadline deadline) const;
  int fd_ = -1;
};

}  // namespace triptych::optical::hil

#endif  // TRIPTYCH_EMULATORS_OPTICAL_HIL_SOCKET_H_
