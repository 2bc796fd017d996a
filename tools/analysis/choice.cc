// SPDX-License-Identifier: Apache-2.0
#include "tools/analysis/choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tools/analysis/effects.h"

namespace triptych::analysis {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// False for NaN.
bool Meets(double value, const Bound& bound) {
  return bound.at_least ? value >= bound.limit : value <= bound.limit;
}

// A wish over one study, its names looked up.
class Chooser {
 public:
  Chooser(const Wish& wish, const std::vector<double>& ranked,
          std::vector<const std::vector<double>*> bounded)
      : wish_(wish), ranked_(ranked), bounded_(std::move(bounded)) {}

  bool Better(size_t a, size_t b) const {
    return wish_.best.maximise ? ranked_[a] > ranked_[b]
                               : ranked_[a] < ranked_[b];
  }
  bool MeetsBound(size_t point, size_t bound) const {
    return Meets((*bounded_[bound])[point], wish_.bounds[bound]);
  }
  // Points that meet all bounds, or all but `except`, best first.
  std::vector<size_t> Feasible(std::optional<size_t> except) const {
    std::vector<size_t> points;
    for (size_t i = 0; i < ranked_.size(); ++i) {
      bool meets = std::isfinite(ranked_[i]);
      for (size_t b = 0; b < bounded_.size() && meets; ++b) {
        meets = b == except || MeetsBound(i, b);
      }
      if (meets) points.push_back(i);
    }
    std::ranges::stable_sort(points,
                             [&](size_t a, size_t b) { return Better(a, b); });
    return points;
  }
  BoundCost CostOf(size_t bound, const std::vector<size_t>& best) const {
    BoundCost cost;
    for (size_t i = 0; i < ranked_.size(); ++i) {
      cost.met += MeetsBound(i, bound);
    }
    const double limit = wish_.bounds[bound].limit;
    if (!best.empty() && limit != 0) {
      cost.slack =
          std::abs((*bounded_[bound])[best[0]] - limit) / std::abs(limit);
    }
    const std::vector<size_t> without = Feasible(bound);
    if (!without.empty() && (best.empty() || Better(without[0], best[0]))) {
      cost.without = without[0];
    }
    return cost;
  }

 private:
  const Wish& wish_;
  const std::vector<double>& ranked_;
  std::vector<const std::vector<double>*> bounded_;
};

}  // namespace

Result<Bound> ParseBound(std::string_view text) {
  const auto fail = [&] {
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: not a bound; allowed are column<=number and "
                    "column>=number",
                    text));
  };
  const size_t at = text.find_first_of("<>");
  if (at == std::string_view::npos || text.substr(at + 1, 1) != "=") {
    return fail();
  }
  Bound bound;
  bound.column = Trimmed(text.substr(0, at));
  bound.at_least = text[at] == '>';
  const std::string_view number = Trimmed(text.substr(at + 2));
  const auto [end, failed] = std::from_chars(
      number.data(), number.data() + number.size(), bound.limit);
  if (failed != std::errc() || end != number.data() + number.size() ||
      bound.column.empty() || !std::isfinite(bound.limit)) {
    return fail();
  }
  return bound;
}

std::string ToText(const Bound& bound) {
  return fmt::format("{} {} {}", bound.column,
                     bound.at_least ? ">=" : "<=", bound.limit);
}

Result<Choice> Choose(const sweep::Results& results, const Wish& wish,
                      size_t most) {
  TRIPTYCH_ASSIGN(const sweep::Column* ranked,
                  NumberColumn(results, wish.best.column));
  std::vector<const std::vector<double>*> bounded;
  for (const Bound& bound : wish.bounds) {
    TRIPTYCH_ASSIGN(const sweep::Column* column,
                    NumberColumn(results, bound.column));
    bounded.push_back(&column->numbers);
  }
  const Chooser chooser(wish, ranked->numbers, std::move(bounded));
  Choice choice;
  choice.best = chooser.Feasible(std::nullopt);
  choice.feasible = choice.best.size();
  for (size_t b = 0; b < wish.bounds.size(); ++b) {
    choice.bounds.push_back(chooser.CostOf(b, choice.best));
  }
  choice.best.resize(std::min(choice.best.size(), most));
  return choice;
}

}  // namespace triptych::analysis
