// SCALE-Sim's configuration: the machine that runs a topology, as an ini file.
//
//   [architecture_presets]
//   ArrayHeight: 32
//   Bandwidth = 10
// Keys are read whatever their case and section; what that tool knows besides
// (offsets, banks, names) is passed over.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_MODELS_FORMATS_SCALESIM_CONFIG_H_
#define TRIPTYCH_MODELS_FORMATS_SCALESIM_CONFIG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "kernels/base/result.h"

namespace triptych {

struct ScaleSimConfig {
  std::string run_name = "run";
  int64_t array_height = 32, array_width = 32;
  int64_t ifmap_sram_kb = 64, filter_sram_kb = 64, ofmap_sram_kb = 64;
  std::string dataflow = "ws";  // ws, os, is
  // InterfaceBandwidth: USER (with stalls, Bandwidth words a cycle and port)
  // or CALC (as much as it takes).
  bool fixed_bandwidth = false;
  int64_t words_per_cycle = 10;
};

// Errors are kInvalid: "path:line: key: what is wrong; allowed ...": a line
// that is neither a section, a key nor a comment, a value outside its range.
Result<ScaleSimConfig> ParseScaleSimConfig(std::string_view text,
                                           std::string_view path);
// kNotFound if the file cannot be read.
Result<ScaleSimConfig> LoadScaleSimConfig(const std::string& path);

}  // namespace triptych

#endif  // TRIPTYCH_MODELS_FORMATS_SCALESIM_CONFIG_H_
