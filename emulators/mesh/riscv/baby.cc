// SPDX-License-Identifier: Apache-2.0
#include "emulators/mesh/riscv/baby.h"

#include <fmt/format.h>

#include <utility>

namespace triptych::mesh::riscv {
namespace {

uint32_t L1Bytes(Machine machine) {
  return machine == Machine::kWormhole ? kWormholeL1Bytes : kBlackholeL1Bytes;
}

uint32_t LocalBytes(Machine machine, BabyCore core) {
  return machine == Machine::kWormhole ? WormholeLocalBytes(core)
                                       : BlackholeLocalBytes(core);
}

}  // namespace

std::shared_ptr<Ram> MakeL1(Machine machine) {
  return std::make_shared<Ram>(L1Bytes(machine));
}

CoreConfig BabyConfig(Machine machine, BabyCore core, const std::string& tile) {
  const bool wormhole = machine == Machine::kWormhole;
  CoreConfig config;
  config.name = fmt::format("{} core {}", tile, NameOf(core));
  config.extensions = wormhole ? WormholeExtensions() : BlackholeExtensions();
  config.pipeline = wormhole ? WormholePipeline(core) : BlackholePipeline(core);
  return config;
}

Result<AddressMap> BabyMap(Machine machine, BabyCore core,
                           std::shared_ptr<Ram> l1,
                           std::vector<Region> devices) {
  const uint32_t local = LocalBytes(machine, core);
  devices.push_back({.name = "l1",
                     .base = kL1Base,
                     .size = L1Bytes(machine),
                     .latency = Latency::kL1,
                     .shared = true,
                     .executable = true,
                     .ram = std::move(l1)});
  devices.push_back({.name = "local",
                     .base = kLocalBase,
                     .size = local,
                     .latency = Latency::kLocal,
                     .ram = std::make_shared<Ram>(local)});
  return AddressMap::Make(std::move(devices));
}

Status AddBabyCores(Machine machine, const std::string& tile,
                    const std::shared_ptr<Ram>& l1,
                    const std::vector<std::vector<Region>>& devices,
                    Group* group) {
  for (size_t i = 0; i < kBabyCores; ++i) {
    const auto core = static_cast<BabyCore>(i);
    TRIPTYCH_ASSIGN(
        AddressMap map,
        BabyMap(machine, core, l1,
                i < devices.size() ? devices[i] : std::vector<Region>{}));
    group->Add(BabyConfig(machine, core, tile), std::move(map));
  }
  return {};
}

}  // namespace triptych::mesh::riscv
