// The five cores of a tile as each machine has them: instructions, pipeline,
// local RAM, L1.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_MESH_RISCV_BABY_H_
#define TRIPTYCH_EMULATORS_MESH_RISCV_BABY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "emulators/mesh/riscv/core.h"
#include "emulators/mesh/riscv/group.h"
#include "emulators/mesh/riscv/memory.h"
#include "emulators/mesh/riscv/pipeline.h"
#include "kernels/base/result.h"

namespace triptych::mesh::riscv {

enum class Machine : uint8_t { kWormhole, kBlackhole };

// L1 of a tile, zeroed.
std::shared_ptr<Ram> MakeL1(Machine machine);

// "<tile> core B", with what the machine gives that core. mhartid is 0 on all
// of them (BlackholeA0 CSRs.md). Timed.
CoreConfig BabyConfig(Machine machine, BabyCore core, const std::string& tile);

// L1 at 0, shared and executable; the core's own RAM at kLocalBase, empty; and
// `devices`, where the machine's memory map has them. An error if those
// overlap.
Result<AddressMap> BabyMap(Machine machine, BabyCore core,
                           std::shared_ptr<Ram> l1,
                           std::vector<Region> devices = {});

// A core for each BabyCore, in that order, all in reset. `devices[i]` is what
// core i sees beside memory; there may be fewer than cores.
Status AddBabyCores(Machine machine, const std::string& tile,
                    const std::shared_ptr<Ram>& l1,
                    const std::vector<std::vector<Region>>& devices,
                    Group* group);

}  // namespace triptych::mesh::riscv

#endif  // TRIPTYCH_EMULATORS_MESH_RISCV_BABY_H_
