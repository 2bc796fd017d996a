// The libraries whose matrix products ours are compared with.
//
// A peer is a file in this folder and a row in peers.cc. The row says what it
// computes and what is inside its timed region; the file opens the library
// and sets up one product.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_BENCH_PEERS_PEER_H_
#define TRIPTYCH_BENCH_PEERS_PEER_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/peers/product.h"
#include "kernels/base/result.h"

namespace triptych::bench {

// A library that is here, set to a number of threads.
class PeerLibrary {
 public:
  virtual ~PeerLibrary() = default;
  // "oneDNN 2.6.3"
  virtual std::string version() const = 0;
  // A call that computes C of `product` anew, which it refers to. What it
  // needs beside (packed weights, generated code) is made here and is its
  // own: two calls prepared from two products share nothing.
  virtual Result<std::function<void()>> Prepare(Product& product) = 0;
};

// A product that a peer offers.
struct PeerProduct {
  DType arithmetic;         // of Product
  std::string_view region;  // what the timed region holds
};

struct Peer {
  std::string_view name;     // on the command line
  std::string_view package;  // of Debian
  std::span<const PeerProduct> products;
  // An error says what is missing, and not what to install.
  Result<std::unique_ptr<PeerLibrary>> (*open)(int threads);

  // Null if it offers no such product.
  const PeerProduct* Find(DType arithmetic) const;
};

std::span<const Peer> AllPeers();

// A peer that is open, and the product it was opened for.
struct OpenPeer {
  const Peer* peer;
  PeerProduct product;
  std::unique_ptr<PeerLibrary> library;
};

// Opens the peers of these names, "all" being those that offer the product.
// Errors say which peers there are, what the one named cannot do, or which
// package it needs.
Result<std::vector<OpenPeer>> OpenPeers(std::span<const std::string> names,
                                        DType arithmetic, int threads);

}  // namespace triptych::bench

#endif  // TRIPTYCH_BENCH_PEERS_PEER_H_
