// SPDX-License-Identifier: Apache-2.0
#include "emulators/optical/hil/socket.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace triptych::optical::hil {
namespace {

std::unexpected<Error> Failed(const Address& address, std::string_view what,
                              std::string_view why) {
  return MakeError(ErrorCode::kIo,
                   fmt::format("{}: {}: {}", address.Text(), what, why));
}
std::unexpected<Error> Failed(const Address& address, std::string_view what) {
  return Failed(address, what, std::strerror(errno));
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

Result<Addresses> Resolve(const Address& address, bool to_listen) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = to_listen ? AI_PASSIVE : 0;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
  if (error != 0) return Failed(address, "no such host", gai_strerror(error));
  return Addresses(found, &freeaddrinfo);
}

sockaddr_un UnixName(const Address& address) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  address.path.copy(name.sun_path, sizeof name.sun_path - 1);
  return name;
}

// Bound or connected by `act`, which answers as the system does.
template <class Act>
Result<Socket> OpenSocket(const Address& address, bool to_listen,
                          std::string_view what, const Act& act) {
  if (!address.tcp) {
    Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un name = UnixName(address);
    if (!socket.open() || act(socket, reinterpret_cast<const sockaddr*>(&name),
                              sizeof name) < 0) {
      return Failed(address, what);
    }
    return socket;
  }
  TRIPTYCH_ASSIGN(const Addresses names, Resolve(address, to_listen));
  for (const addrinfo* name = names.get(); name != nullptr;
       name = name->ai_next) {
    Socket socket(::socket(name->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.open() && act(socket, name->ai_addr, name->ai_addrlen) >= 0) {
      return socket;
    }
  }
  return Failed(address, what);
}

// A request waits for its answer: nothing is gained by collecting bytes.
void SendAtOnce(int fd) {
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

}  // namespace

std::string Address::Text() const {
  return tcp ? fmt::format("tcp:{}:{}", host, port) : "unix:" + path;
}

Result<Address> ParseAddress(std::string_view text) {
  const auto wrong = [text](std::string_view why) {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("\"{}\": {}; allowed unix:PATH, tcp:HOST:PORT", text, why));
  };
  Address address;
  if (text.starts_with("unix:")) {
    address.path = text.substr(5);
    if (address.path.empty()) return wrong("no path");
    if (address.path.size() >= sizeof(sockaddr_un::sun_path)) {
      return wrong(fmt::format("a path of {} bytes is longer than {}",
                               address.path.size(),
                               sizeof(sockaddr_un::sun_path) - 1));
    }
    return address;
  }
  if (!text.starts_with("tcp:")) return wrong("no kind of socket");
  const std::string_view rest = text.substr(4);
  const size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong("no host");
  address.tcp = true;
  address.host = rest.substr(0, colon);
  address.port = rest.substr(colon + 1);
  if (address.host.size() > 2 && address.host.front() == '[' &&
      address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const bool digits = !address.port.empty() && address.port.size() <= 5 &&
                      std::ranges::all_of(address.port, [](char c) {
                        return c >= '0' && c <= '9';
                      });
  if (!digits || std::stoi(address.port) > 65535) return wrong("no port");
  return address;
}

void Socket::Close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<Socket> Socket::Connect(const Address& address, Deadline deadline) {
  const auto connect = [deadline](const Socket& socket, const sockaddr* name,
                                  socklen_t size) {
    SendAtOnce(socket.fd_);
    ::fcntl(socket.fd_, F_SETFL, O_NONBLOCK);
    const int connected = ::connect(socket.fd_, name, size);
    if (connected == 0 || errno != EINPROGRESS) return connected;
    if (socket.Poll(POLLOUT, deadline) != Wait::kReady) {
      errno = ETIMEDOUT;
      return -1;
    }
    socklen_t length = sizeof errno;
    getsockopt(socket.fd_, SOL_SOCKET, SO_ERROR, &errno, &length);
    return errno == 0 ? 0 : -1;
  };
  return OpenSocket(address, false, "cannot connect", connect);
}

Result<Socket> Socket::Listen(const Address& address) {
  if (!address.tcp) {
    struct stat file;
    if (::stat(address.path.c_str(), &file) == 0 && S_ISSOCK(file.st_mode)) {
      const auto soon =
          std::chrono::steady_clock::now() + std::chrono::seconds(1);
      if (Connect(address, soon)) {
        return Failed(address, "cannot listen", "somebody else does");
      }
      ::unlink(address.path.c_str());
    }
  }
  const auto listen = [](const Socket& socket, const sockaddr* name,
                         socklen_t size) {
    const int one = 1;
    setsockopt(socket.fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    const int bound = ::bind(socket.fd_, name, size);
    return bound < 0 ? bound : ::listen(socket.fd_, 8);
  };
  return OpenSocket(address, true, "cannot listen", listen);
}

Result<uint16_t> Socket::Port() const {
  sockaddr_storage name{};
  socklen_t size = sizeof name;
  if (getsockname(fd_, reinterpret_cast<sockaddr*>(&name), &size) < 0) {
    return MakeError(ErrorCode::kIo, std::strerror(errno));
  }
  const in_port_t port =
      name.ss_family == AF_INET6
          ? reinterpret_cast<const sockaddr_in6*>(&name)->sin6_port
          : reinterpret_cast<const sockaddr_in*>(&name)->sin_port;
  return ntohs(port);
}

Socket::Wait Socket::Poll(short events, Deadline deadline) const {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    // Late is late, whatever else is still coming.
    if (left.count() <= 0) return Wait::kTimeout;
    pollfd one{.fd = fd_, .events = events, .revents = 0};
    const int ready = ::poll(
        &one, 1, static_cast<int>(std::min<int64_t>(left.count(), 1 << 30)));
    if (ready > 0) return Wait::kReady;
    if (ready == 0) return Wait::kTimeout;
    if (errno != EINTR) return Wait::kGone;
  }
}

Result<Socket> Socket::Accept(Deadline deadline, Wait* wait) const {
  *wait = Poll(POLLIN, deadline);
  if (*wait != Wait::kReady) return Socket();
  Socket connection(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection.open()) {
    return MakeError(ErrorCode::kIo,
                     fmt::format("accept: {}", std::strerror(errno)));
  }
  SendAtOnce(connection.fd_);
  return connection;
}

Socket::Wait Socket::Send(std::span<const uint8_t> bytes,
                          Deadline deadline) const {
  while (!bytes.empty()) {
    const ssize_t sent =
        ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return Wait::kGone;
    const Wait wait = Poll(POLLOUT, deadline);
    if (wait != Wait::kReady) return wait;
  }
  return Wait::kReady;
}

Socket::Wait Socket::Receive(std::span<uint8_t> bytes, Deadline deadline,
                             size_t* size) const {
  while (true) {
    const Wait wait = Poll(POLLIN, deadline);
    if (wait != Wait::kReady) return wait;
    const ssize_t got = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got > 0) {
      *size = static_cast<size_t>(got);
      return Wait::kReady;
    }
    if (got == 0) return Wait::kGone;
    if (errno != EINTR && errno != EAGAIN) return Wait::kGone;
  }
}

}  // namespace triptych::optical::hil
