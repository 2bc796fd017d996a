// The table of peers.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "bench/peers/open.h"
#include "bench/peers/peer.h"

namespace triptych::bench {
namespace {

constexpr PeerProduct kOneDnn[] = {
    {DType::kF32, "weights packed before"},
    {DType::kBf16, "A in bf16 and weights packed before; C is f32"},
    {DType::kI8, "weights packed before; C is s32"},
};
// What has no bf16 product is given the same values in f32, exactly; what
// Eigen calls one also sums in bf16.
constexpr PeerProduct kBlas[] = {
    {DType::kF32, "plain weights, packed inside; sgemv at m = 1"},
    {DType::kBf16, "in f32: plain weights, packed inside; sgemv at m = 1"},
};
constexpr PeerProduct kEigen[] = {
    {DType::kF32, "plain weights, packed inside"},
    {DType::kBf16, "in f32: plain weights, packed inside"},
};
constexpr PeerProduct kLibxsmm[] = {
    {DType::kF32, "plain weights, never packed; code made for the shape"},
    {DType::kBf16,
     "in f32: plain weights, never packed; code made for the "
     "shape"},
};

constexpr Peer kPeers[] = {
    {"onednn", "libdnnl-dev", kOneDnn, OpenOneDnn},
    {"openblas", "libopenblas0-pthread", kBlas, OpenOpenBlas},
    {"blis", "libblis4-pthread", kBlas, OpenBlis},
    {"libxsmm", "libxsmm-dev", kLibxsmm, OpenLibxsmm},
    {"eigen", "libeigen3-dev", kEigen, OpenEigen},
};

template <class... Values>
std::unexpected<Error> Invalid(ErrorCode code,
                               fmt::format_string<Values...> format,
                               Values&&... values) {
  return MakeError(
      code,
      "bench: --peers " + fmt::format(format, std::forward<Values>(values)...));
}

Result<const Peer*> Named(const std::string& name) {
  const auto* peer = std::ranges::find(kPeers, name, &Peer::name);
  if (peer != std::end(kPeers)) return peer;
  std::vector<std::string_view> names;
  for (const Peer& p : kPeers) names.push_back(p.name);
  return Invalid(ErrorCode::kNotFound, "{}: no such peer; allowed: {}, all",
                 name, fmt::join(names, ", "));
}

Result<OpenPeer> Open(const Peer& peer, DType arithmetic, int threads) {
  const PeerProduct* product = peer.Find(arithmetic);
  if (product == nullptr) {
    std::vector<std::string_view> has;
    for (const PeerProduct& p : peer.products) {
      has.push_back(ProductName(p.arithmetic));
    }
    return Invalid(ErrorCode::kUnsupported, "{}: has no {} product; it has {}",
                   peer.name, ProductName(arithmetic), fmt::join(has, ", "));
  }
  auto library = peer.open(threads);
  if (!library) {
    return Invalid(library.error().code, "{}: {} (Debian's package: {})",
                   peer.name, library.error().message, peer.package);
  }
  return OpenPeer{&peer, *product, std::move(*library)};
}

}  // namespace

const PeerProduct* Peer::Find(DType arithmetic) const {
  const auto at =
      std::ranges::find(products, arithmetic, &PeerProduct::arithmetic);
  return at == products.end() ? nullptr : &*at;
}

std::span<const Peer> AllPeers() { return kPeers; }

Result<std::vector<OpenPeer>> OpenPeers(std::span<const std::string> names,
                                        DType arithmetic, int threads) {
  std::vector<const Peer*> wanted;
  for (const std::string& name : names) {
    if (name == "all") {
      for (const Peer& p : kPeers) {
        if (p.Find(arithmetic) != nullptr) wanted.push_back(&p);
      }
      continue;
    }
    TRIPTYCH_ASSIGN(const Peer* const peer, Named(name));
    wanted.push_back(peer);
  }
  std::vector<OpenPeer> open;
  for (const Peer* peer : wanted) {
    TRIPTYCH_ASSIGN(OpenPeer one, Open(*peer, arithmetic, threads));
    open.push_back(std::move(one));
  }
  return open;
}

}  // namespace triptych::bench
