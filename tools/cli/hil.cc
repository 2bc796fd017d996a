// hil serve: the converters of this machine for a host at the other end of a
// socket.
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "emulators/optical/hil/local.h"
#include "emulators/optical/hil/server.h"
#include "emulators/optical/hil/socket.h"
#include "tools/cli/options.h"
#include "tools/cli/output.h"

namespace triptych::cli {
namespace {

std::atomic<bool> stop = false;

void Stop(int) { stop = true; }

}  // namespace

Result<int> HilServeCommand(const HilServeOptions& options) {
  namespace hil = optical::hil;
  const auto address = hil::ParseAddress(options.listen);
  if (!address) return Locate(address.error(), "--listen");
  auto rtl = optical::RtlSubset::Parse(options.model ? "none" : options.rtl);
  if (!rtl) return Locate(rtl.error(), "--rtl");
  TRIPTYCH_ASSIGN(hil::Server server,
                  hil::Server::Listen(*address, *std::move(rtl)));
  std::signal(SIGINT, Stop);
  std::signal(SIGTERM, Stop);
  // Whoever started this waits for the line.
  Print(options.json,
        fmt::format("listening on {}\n", server.address().Text()));
  std::fflush(stdout);
  TRIPTYCH_TRY(server.Serve(stop, options.once));
  const hil::ServerCounters& counters = server.counters();
  Print(options.json,
        fmt::format("{} hosts, {} requests ({} damaged), {} conversions\n",
                    counters.hosts, counters.requests, counters.damaged,
                    counters.conversions));
  TRIPTYCH_TRY(WriteJson(options.json, "hil serve",
                         {{{"address", server.address().Text()},
                           {"hosts", counters.hosts},
                           {"requests", counters.requests},
                           {"damaged", counters.damaged},
                           {"conversions", counters.conversions}}}));
  return kOk;
}

}  // namespace triptych::cli
