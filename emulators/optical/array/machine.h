// What the steps of one array share.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_ARRAY_MACHINE_H_
#define TRIPTYCH_EMULATORS_OPTICAL_ARRAY_MACHINE_H_

#include <memory>

#include "emulators/optical/array/inventory.h"
#include "emulators/optical/array/params.h"
#include "emulators/optical/array/values.h"
#include "emulators/packed_once.h"
#include "emulators/target.h"

namespace triptych::optical::array {

struct Ids {
  UnitId light, converters, digital, memory, dram;
  ActionId mac, padding_mac, symbol, dac, slot, lane, tia, adc, operand_byte,
      sram_byte, static_ns, dram_byte, digital_op;
};

struct Machine {
  Machine(const Params& p, const Ids& i)
      : params(p), has(InventoryOf(p)), ids(i) {}

  const Params params;
  const Inventory has;
  const Ids ids;
  mutable PackedOnce<Encoded> weights;
};

// For nodes that IsNative(); `weights` may be null: a step that can only be
// timed.
std::unique_ptr<Step> MakeStep(std::shared_ptr<const Machine> machine,
                               const Node& node, const Weights* weights);

}  // namespace triptych::optical::array

#endif  // TRIPTYCH_EMULATORS_OPTICAL_ARRAY_MACHINE_H_
