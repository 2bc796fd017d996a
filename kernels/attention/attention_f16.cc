// f16 keys and values, computed in f32.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/attention_f16.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/attention/run-inl.h"
#include "kernels/attention/task.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::attention {
namespace HWY_NAMESPACE {

void RunTaskF16(const Task& task) { TaskRun<FormatF16>(task).Run(); }

}  // namespace HWY_NAMESPACE
}  // namespace triptych::attention
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::attention {

HWY_EXPORT(RunTaskF16);
TaskFunction RunF16() { return HWY_DYNAMIC_POINTER(RunTaskF16); }

}  // namespace triptych::attention
#endif
