// A Verilated module with one clock: what every block's class wraps.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_RTL_CLOCKED_H_
#define TRIPTYCH_RTL_CLOCKED_H_

#include <cstdint>

class VerilatedContext;  // the module's header has it

namespace triptych::rtl {

// `Module` has the ports clk_i and rst_ni. Not thread-safe; instances are
// independent.
template <class Module, class Context = VerilatedContext>
struct Clocked {
  Context context;
  Module module{&context};
  uint64_t cycles = 0;  // rising edges since the reset

  // One edge up, one down: inputs set before are what the edge sees.
  void Clock() {
    module.clk_i = 1;
    module.eval();
    module.clk_i = 0;
    module.eval();
    ++cycles;
  }
  // One cycle in reset; inputs stay as they are.
  void Reset() {
    module.rst_ni = 0;
    // The first evaluation of all only notes where the clock is: a rising
    // edge there would be lost, and the reset with it.
    module.clk_i = 0;
    module.eval();
    Clock();
    module.rst_ni = 1;
    cycles = 0;
  }
};

}  // namespace triptych::rtl

#endif  // TRIPTYCH_RTL_CLOCKED_H_
