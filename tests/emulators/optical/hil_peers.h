// Peers for the tests of the socket: a server in a thread, and a line between
// it and its host that may be a bad one.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TESTS_EMULATORS_OPTICAL_HIL_PEERS_H_
#define TRIPTYCH_TESTS_EMULATORS_OPTICAL_HIL_PEERS_H_

#include <doctest/doctest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>

#include "emulators/optical/hil/server.h"
#include "emulators/optical/hil/socket.h"
#include "kernels/base/rng.h"

namespace triptych::optical::hil {

using namespace std::chrono_literals;

// A name for a UNIX socket that nobody else has; its file goes with it.
class SocketPath {
 public:
  SocketPath() {
    static std::atomic<int> count = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("triptych-hil-" + std::to_string(getpid()) + "-" +
             std::to_string(count++));
  }
  ~SocketPath() { std::filesystem::remove(path_); }
  SocketPath(const SocketPath&) = delete;
  SocketPath& operator=(const SocketPath&) = delete;
  Address address() const { return *ParseAddress("unix:" + path_.string()); }

 private:
  std::filesystem::path path_;
};

inline Deadline In(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// `triptych hil serve` in a thread.
class ServerThread {
 public:
  explicit ServerThread(const Address& address, const char* rtl = "none")
      : server_(*Server::Listen(address, *RtlSubset::Parse(rtl))),
        thread_([this] { server_.Serve(stop_, false).value(); }) {}
  ~ServerThread() { Stop(); }
  void Stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  const Address& address() const { return server_.address(); }
  // Only after Stop.
  const ServerCounters& counters() const { return server_.counters(); }

 private:
  Server server_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// What a line does to what it carries, by chance.
struct Line {
  double corrupts = 0, drops = 0, delays = 0;  // a piece of bytes, each way
  std::chrono::milliseconds delay{0};
  int breaks_after = -1;  // so many pieces from the host; never
};

// Carries one host's bytes to a server and back.
class Proxy {
 public:
  Proxy(const Address& here, const Address& there, const Line& line)
      : line_(line), socket_(*Socket::Listen(here)), there_(there) {
    thread_ = std::thread([this] { Run(); });
  }
  ~Proxy() {
    stop_ = true;
    thread_.join();
  }
  int corrupted = 0, dropped = 0, delayed = 0;  // read when it is gone

 private:
  void Run() {
    Socket::Wait wait = Socket::Wait::kTimeout;
    Socket host;
    while (!stop_ && wait == Socket::Wait::kTimeout) {
      host = *socket_.Accept(In(20ms), &wait);
    }
    if (stop_) return;
    const Socket peer = *Socket::Connect(there_, In(1s));
    int pieces = 0;
    while (!stop_) {
      const bool from_host = Carry(host, peer, &pieces);
      if (line_.breaks_after >= 0 && pieces > line_.breaks_after) return;
      if (!from_host || !Carry(peer, host, nullptr)) return;
    }
  }
  // What there is within a millisecond; whether both ends are there.
  bool Carry(const Socket& from, const Socket& to, int* pieces) {
    std::array<uint8_t, 65536> bytes;
    size_t size = 0;
    const Socket::Wait wait = from.Receive(bytes, In(1ms), &size);
    if (wait != Socket::Wait::kReady) return wait == Socket::Wait::kTimeout;
    if (pieces != nullptr) ++*pieces;
    if (rng_.Uniform() < line_.drops) {
      ++dropped;
      return true;
    }
    if (rng_.Uniform() < line_.corrupts) {
      ++corrupted;
      const uint32_t at = rng_.Below(static_cast<uint32_t>(size));
      bytes[at] ^= static_cast<uint8_t>(1 << rng_.Below(8));
    }
    if (rng_.Uniform() < line_.delays) {
      ++delayed;
      std::this_thread::sleep_for(line_.delay);
    }
    return to.Send(std::span(bytes).first(size), In(1s)) ==
           Socket::Wait::kReady;
  }

  Line line_;
  Socket socket_;
  Address there_;
  std::atomic<bool> stop_ = false;
  Rng rng_{77};
  std::thread thread_;
};

}  // namespace triptych::optical::hil

#endif  // TRIPTYCH_TESTS_EMULATORS_OPTICAL_HIL_PEERS_H_
