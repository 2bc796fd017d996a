// int8 keys and values. Built at -O2: at -O3 gcc 12 halves the speed of the
// dot-product instruction (kernels/meson.build).
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/attention_i8.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/attention/run-inl.h"
#include "kernels/attention/task.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::attention {
namespace HWY_NAMESPACE {

void RunTaskI8(const Task& task) { TaskRun<FormatI8>(task).Run(); }

}  // namespace HWY_NAMESPACE
}  // namespace triptych::attention
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::attention {

HWY_EXPORT(RunTaskI8);
TaskFunction RunI8() { return HWY_DYNAMIC_POINTER(RunTaskI8); }

}  // namespace triptych::attention
#endif
