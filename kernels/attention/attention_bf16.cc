// bf16 keys and values.
// SPDX-License-Identifier: Apache-2.0
#include "kernels/matmul/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/attention_bf16.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "kernels/attention/run-inl.h"
#include "kernels/attention/task.h"

HWY_BEFORE_NAMESPACE();
namespace triptych::attention {
namespace HWY_NAMESPACE {

void RunTaskBf16(const Task& task) { TaskRun<FormatBf16>(task).Run(); }

}  // namespace HWY_NAMESPACE
}  // namespace triptych::attention
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace triptych::attention {

HWY_EXPORT(RunTaskBf16);
TaskFunction RunBf16() { return HWY_DYNAMIC_POINTER(RunTaskBf16); }

}  // namespace triptych::attention
#endif
