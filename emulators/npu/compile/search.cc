// SPDX-License-Identifier: Apache-2.0
#include "emulators/npu/compile/search.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "emulators/npu/compile/layout.h"
#include "emulators/npu/compile/product/product.h"
#include "emulators/npu/compile/quantise.h"
#include "emulators/npu/machine/timing.h"
#include "kernels/base/check.h"

namespace triptych::npu {
namespace {

constexpr int64_t kF32 = 4;
// What the estimate may be wrong by between two plans of one product: 1.6 was
// the most among those of README.md's table.
constexpr double kReach = 2;
constexpr size_t kMostTimed = 4;
// Commands of a core, and estimated cycles: a tenth of a second each.
constexpr uint64_t kMostDecoded = uint64_t{1} << 17;
constexpr double kMostCycles = 0x1p23;

// Numbers and names of parameters, as bytes.
struct KeyWriter {
  std::string& key;

  template <class T>
  void Append(const T& number) const {
    key.append(reinterpret_cast<const char*>(&number), sizeof(number));
  }
  template <class T, class... Rest>
  void operator()(std::string_view, const T& number, Rest...) const {
    static_assert(std::is_trivially_copyable_v<T>);
    Append(number);
  }
  void operator()(std::string_view, const std::string& name,
                  std::initializer_list<std::string_view>,
                  std::string_view) const {
    key += name + ' ';
  }
};

// Everything that decides how long a product takes. Asked for at every step of
// decoding: no text is made.
std::string KeyOf(const Params& params, const MatmulSize& s) {
  std::string key;
  const KeyWriter write{key};
  for (const int64_t n : {s.m, s.n, s.k, s.group, int64_t{s.weight_bits},
                          int64_t{s.activation_bits}, int64_t{s.bias},
                          s.factors, int64_t{s.residual}, int64_t{s.coded}}) {
    write.Append(n);
  }
  Params copy = params;  // visitors may change what they see
  Params::Visit(copy, write);
  return key;
}

// The product by itself.
class Alone {
 public:
  Alone(const LowerRequest& request, const MatmulSize& size)
      : request_(request), size_(size), machine_(SizeOf(request.params, {})) {
    const int64_t row = size.n * kF32;
    input_.floats = Take(size.coded ? 0 : size.m * size.k * kF32);
    input_.codes = {.at = Take(size.m * size.k),
                    .rest = {},
                    .near = size.m,
                    .stride = size.k};
    input_.scales = Take(size.m * kF32);
    work_.size = size;
    for (int64_t f = 0; f < size.factors; ++f) {
      Factor factor;
      factor.weight.data =
          regions_.Take(Region::kWeights, size.layout(machine_).bytes());
      factor.weight.scales =
          regions_.Take(Region::kConstants, size.groups() * row);
      if (size.bias) factor.bias = regions_.Take(Region::kConstants, row);
      work_.factors.push_back(factor);
    }
    if (size.factors == 2) work_.act = VectorOp::kSilu;
    if (size.residual) work_.residual = Take(size.m * row);
    work_.out = {
        .at = Take(size.m * row), .rest = {}, .near = size.m, .stride = row};
    machine_ = SizeOf(request.params, regions_.bytes());
  }

  // nullopt: too many commands, or something does not fit after all.
  std::optional<int64_t> Cycles(const MatmulPlan& plan, Timing& timing) const {
    Builder builder(machine_);
    if (plan.prepared && !size_.coded) {
      const QuantiseSize rows{
          .rows = size_.m, .dim = size_.k, .bits = size_.activation_bits};
      const Location codes{input_.codes.at, input_.scales, size_.m};
      if (!EmitQuantise(request_, rows, input_.floats, codes, builder)) {
        return std::nullopt;
      }
      builder.Barrier();
    }
    EmitProducts(std::span(&work_, 1), input_, plan, builder);
    builder.Barrier();
    const std::vector<Command> commands = builder.Take();
    const auto stream = Stream::Check(commands, machine_, request_.node.name);
    TRIPTYCH_CHECK(stream.has_value(), stream ? "" : stream.error().message);
    if (stream->decoded() > kMostDecoded) return std::nullopt;
    const double phase = request_.params.dram.refresh_every_ns * 1e-9 / 2;
    const auto report =
        timing.Run(*stream, {.begin = FromSeconds(phase), .check = false});
    TRIPTYCH_CHECK(report.has_value(), report ? "" : report.error().message);
    return report->cycles;
  }

 private:
  Remote Take(int64_t bytes) {
    const int64_t room = machine_.l2_bytes - regions_.bytes()[0];
    const bool fits = bytes <= std::min(OnChipLimit(machine_), room);
    return regions_.Take(fits ? Region::kL2 : Region::kActivations, bytes);
  }

  const LowerRequest& request_;
  const MatmulSize& size_;
  MachineSize machine_;
  Regions regions_;
  ProductInput input_;
  ProductWork work_;
};

std::vector<MatmulPlan> Search(const LowerRequest& request,
                               const MatmulSize& size) {
  std::vector<MatmulPlan> plans =
      MatmulPlans(size, request.params, SizeOf(request.params, {}));
  const auto first = std::ranges::find(plans, false, &MatmulPlan::looped);
  if (plans.end() - first < 2 || first->cycles > kMostCycles) return plans;
  const auto reach = std::ranges::count_if(
      first, plans.end(),
      [&](const MatmulPlan& p) { return p.cycles <= kReach * first->cycles; });
  const auto last = first + std::min<ptrdiff_t>(reach, kMostTimed);
  if (last - first < 2) return plans;
  auto timing = Timing::Make(request.params);
  if (!timing) return plans;
  const Alone alone(request, size);
  std::vector<std::pair<int64_t, MatmulPlan>> timed;
  for (auto plan = first; plan != last; ++plan) {
    const auto cycles = alone.Cycles(*plan, *timing);
    if (!cycles) return plans;
    timed.emplace_back(*cycles, *plan);
  }
  std::ranges::stable_sort(timed, {},
                           [](const auto& entry) { return entry.first; });
  std::ranges::transform(timed, first,
                         [](const auto& entry) { return entry.second; });
  return plans;
}

struct Known {
  static constexpr size_t kMost = 4096;
  std::mutex mutex;
  std::map<std::string, std::vector<MatmulPlan>> plans;
};
Known& Searched() {
  static Known known;
  return known;
}

}  // namespace

std::optional<int64_t> CyclesAlone(const LowerRequest& request,
                                   const MatmulSize& size,
                                   const MatmulPlan& plan) {
  auto timing = Timing::Make(request.params);
  if (!timing) return std::nullopt;
  return Alone(request, size).Cycles(plan, *timing);
}

std::vector<MatmulPlan> SearchPlans(const LowerRequest& request,
                                    const MatmulSize& size) {
  const std::string key = KeyOf(request.params, size);
  Known& known = Searched();
  {
    const std::lock_guard lock(known.mutex);
    const auto found = known.plans.find(key);
    if (found != known.plans.end()) return found->second;
  }
  std::vector<MatmulPlan> plans = Search(request, size);
  const std::lock_guard lock(known.mutex);
  if (known.plans.size() >= Known::kMost) known.plans.clear();
  return known.plans[key] = std::move(plans);
}

}  // namespace triptych::npu
