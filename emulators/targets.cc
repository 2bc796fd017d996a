// The target table.
// SPDX-License-Identifier: Apache-2.0
#include "emulators/cpu/cpu.h"
#include "emulators/gpu/gpu.h"
#include "emulators/mesh/mesh.h"
#include "emulators/npu/npu.h"
#include "emulators/optical/optical.h"
#include "emulators/target.h"

namespace triptych {
namespace {

constexpr TargetEntry kTargets[] = {
    {"cpu", "host", cpu::MakeCpu},
    {"gpu", "h100", gpu::MakeGpu},
    {"mesh", "blackhole-p150", mesh::MakeMesh},
    {"npu", "tri-npu-100", npu::MakeNpu},
    {"optical", "free-space-1024x2048", optical::MakeOptical},
};

}  // namespace

std::span<const TargetEntry> AllTargets() { return kTargets; }

}  // namespace triptych
