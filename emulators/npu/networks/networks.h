// Networks of published architectures as lists of layers.
//
// One file a network in this folder, in the columns of
// models/formats/scalesim_topology.h, written from the architecture's paper
// and compiled in. Rows are in the order they run in. Left out is what moves
// no weights and takes no products: activations, norms, softmax,
// concatenations, up-sampling.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_NPU_NETWORKS_NETWORKS_H_
#define TRIPTYCH_EMULATORS_NPU_NETWORKS_NETWORKS_H_

#include <span>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "models/formats/scalesim_topology.h"

namespace triptych::npu {

struct NetworkFile {
  std::string_view name, file, text;
};
std::span<const NetworkFile> AllNetworks();

// kUnsupported with the names there are.
Result<std::vector<TopologyLayer>> NetworkByName(std::string_view name);

}  // namespace triptych::npu

#endif  // TRIPTYCH_EMULATORS_NPU_NETWORKS_NETWORKS_H_
