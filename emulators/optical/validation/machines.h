// Machines that rows of a table name.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_MACHINES_H_
#define TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_MACHINES_H_

#include <initializer_list>
#include <string>
#include <string_view>

#include "emulators/optical/array/params.h"
#include "kernels/base/result.h"

namespace triptych::optical {

// The parameters of an array's preset, with overrides ("array.tiles=8").
// kUnsupported if there is no such preset: the row is then not predicted.
Result<array::Params> ArrayPreset(
    std::string_view preset,
    std::initializer_list<std::string_view> overrides = {});

}  // namespace triptych::optical

#endif  // TRIPTYCH_EMULATORS_OPTICAL_VALIDATION_MACHINES_H_
