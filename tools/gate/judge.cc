// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "tools/gate/statistics.h"

namespace triptych::gate {
namespace {

constexpr double kWorst = std::numeric_limits<double>::infinity();
constexpr double kKlBound = 0.999;  // one-sided

double Severity(double old, double now) {
  if (old == now) return 0;
  if (!(old > 0) || !(now > 0)) return kWorst;
  return std::abs(std::log(now / old));
}

std::string Change(double old, double now) {
  if (!(old > 0)) return "";
  return fmt::format(" ({:+.3g} %)", 100 * (now / old - 1));
}

// Compares two runs row by row.
class Comparison {
 public:
  Comparison(const Results& old, const Results& now, Standard standard)
      : old_(old), now_(now), standard_(standard) {
    // Every test may raise a false alarm: share the chance among them.
    size_t tests = 0;
    for (const Row& row : now.rows) tests += row.error && !Still(now, row);
    z_ = NormalQuantile(kFalseAlarms /
                        static_cast<double>(std::max<size_t>(tests, 1)));
  }

  Judgement Run() {
    for (const CaseInfo& info : now_.cases) CompareCases(info);
    for (const Row& row : now_.rows) {
      const Row* was = old_.FindRow(row);
      if (was == nullptr) {
        Missing(row, "is new; --accept keeps it");
        continue;
      }
      ++judgement_.rows;
      if (was->cost && row.cost) CompareCosts(*was, row);
      if (was->error && row.error) CompareErrors(*was, row);
      if (was->accuracy && row.accuracy) CompareAccuracy(*was, row);
      ComparePresence(*was, row);
    }
    for (const Row& row : old_.rows) {
      if (now_.FindRow(row) == nullptr) Missing(row, "is gone");
    }
    std::ranges::stable_sort(judgement_.findings,
                             [](const Finding& a, const Finding& b) {
                               if (a.fails != b.fails) return a.fails;
                               return a.severity > b.severity;
                             });
    return std::move(judgement_);
  }

 private:
  bool baseline() const { return standard_ == Standard::kBaseline; }

  void Add(const Row& row, std::string_view what, bool fails, double severity,
           std::string text) {
    judgement_.findings.push_back({row, std::string(what), fails, severity,
                                   fmt::format("{}: {}", what, text)});
  }

  // Another text, shape or number of seeds is no regression, but nothing can
  // be said either.
  void CompareCases(const CaseInfo& info) {
    const CaseInfo* was = old_.FindCase(info.name);
    if (was == nullptr || was->settings == info.settings) return;
    Row row;
    row.case_name = info.name;
    row.target = "case";
    row.preset = info.name;
    row.phase = "all";
    Add(row, "settings", /*fails=*/true, kWorst,
        fmt::format("{}; was {}", info.settings, was->settings));
  }

  void Missing(const Row& row, std::string_view text) {
    Add(row, "row", standard_ != Standard::kOldVsNew, kWorst,
        std::string(text));
  }
  void ComparePresence(const Row& was, const Row& row) {
    const auto one = [&](bool old, bool now, std::string_view what) {
      if (old == now) return;
      Add(row, what, standard_ != Standard::kOldVsNew, kWorst,
          now ? "is new; --accept keeps it" : "was not measured");
    };
    one(was.cost.has_value(), row.cost.has_value(), "cost");
    one(was.error.has_value(), row.error.has_value(), "error");
    one(was.accuracy.has_value(), row.accuracy.has_value(), "accuracy");
  }

  template <class T>
  void Exactly(const Row& row, std::string_view what, T old, T now,
               std::string_view unit) {
    if (old == now) return;
    const auto o = static_cast<double>(old), n = static_cast<double>(now);
    Add(row, what, standard_ != Standard::kOldVsNew || now > old,
        Severity(o, n),
        fmt::format("{} {}, was {}{}", now, unit, old, Change(o, n)));
  }

  void CompareCosts(const Row& was, const Row& row) {
    const RowCost &o = *was.cost, &n = *row.cost;
    if (!o.measured && !n.measured) {
      // The same picoseconds at another clock are other cycles.
      if (o.picos != n.picos) {
        Exactly(row, "time", o.picos, n.picos, "ps");
      } else {
        Exactly(row, "cycles", o.cycles, n.cycles, "cycles");
      }
    }
    Exactly(row, "energy", o.energy_j, n.energy_j, "J");
    Exactly(row, "off-chip bytes", o.off_chip_bytes, n.off_chip_bytes, "B");
    Exactly(row, "internal bytes", o.internal_bytes, n.internal_bytes, "B");
  }

  // Two seeds gave the same bits: there is no noise. One seed cannot tell.
  static bool Still(const Results& results, const Row& row) {
    const CaseInfo* info = results.FindCase(row.case_name);
    return info != nullptr && info->seeds > 1 && !row.error->varies;
  }

  // The same noise in both, so that only the change is between them.
  bool SameSeeds(const Row& row) const {
    const CaseInfo* o = old_.FindCase(row.case_name);
    const CaseInfo* n = now_.FindCase(row.case_name);
    return o != nullptr && n != nullptr && o->seed == n->seed &&
           o->seeds == n->seeds;
  }
  bool SameText(const Row& row) const {
    const CaseInfo* o = old_.FindCase(row.case_name);
    const CaseInfo* n = now_.FindCase(row.case_name);
    return o == nullptr || n == nullptr || o->settings == n->settings;
  }

  void CompareErrors(const Row& was, const Row& row) {
    const RowError &o = *was.error, &n = *row.error;
    if (!SameText(row)) return;  // said once, of the case
    const bool pairs = SameSeeds(row) || (Still(old_, was) && Still(now_, row));
    CompareValues(o, n, row, pairs);
    if (!std::isfinite(n.mean_square)) {
      Add(row, "error", true, kWorst, "is not a number");
      return;
    }
    const double floor = kFloor * kFloor;
    if (std::max(o.mean_square, n.mean_square) > floor) {
      CompareMeanSquares(o, n, row, pairs);
    }
    if (n.max_abs > kMaxFactor * std::max(o.max_abs, kFloor)) {
      Add(row, "largest error", true, Severity(o.max_abs, n.max_abs),
          fmt::format("{:.3e} of the outputs' rms, was {:.3e}", n.max_abs,
                      o.max_abs));
    }
  }

  void CompareMeanSquares(const RowError& o, const RowError& n, const Row& row,
                          bool pairs) {
    const double rise = n.mean_square - o.mean_square;
    const double margin = (pairs ? kPairedMargin : kMargin) * o.mean_square;
    const double noise =
        pairs ? 0 : z_ * std::hypot(o.mean_square_stderr, n.mean_square_stderr);
    if (std::abs(rise) <= margin || std::abs(rise) <= noise) return;
    Add(row, "error", rise > 0, Severity(o.mean_square, n.mean_square),
        fmt::format("mean square {:.4e} of the outputs', was {:.4e}{}; "
                    "allowed {:.2g} %{}",
                    n.mean_square, o.mean_square,
                    Change(o.mean_square, n.mean_square),
                    100 * (pairs ? kPairedMargin : kMargin),
                    pairs ? ", noise is the same"
                          : fmt::format(" and {:.2g} % of noise",
                                        100 * noise / o.mean_square)));
  }

  // Bits that every host gives count always. Others say something only where
  // both runs are this host's.
  void CompareValues(const RowError& o, const RowError& n, const Row& row,
                     bool pairs) {
    if (o.digest == n.digest || !pairs || o.outputs != n.outputs) return;
    const bool exact = o.bit_exact && n.bit_exact;
    if (!exact && baseline()) return;
    const bool fails = standard_ == Standard::kExact || (exact && baseline());
    Add(row, "values", fails, 0, "not the same bits as before");
  }

  void CompareAccuracy(const Row& was, const Row& row) {
    const RowAccuracy &o = *was.accuracy, &n = *row.accuracy;
    if (o.predictions != n.predictions) {
      Add(row, "predictions", true, kWorst,
          fmt::format("{}, was {}: another text", n.predictions,
                      o.predictions));
      return;
    }
    if (!std::isfinite(n.kl)) {
      Add(row, "KL", true, kWorst, "is not a number");
      return;
    }
    const double rise = n.kl - o.kl;
    const double noise = KlNoise(o, n);
    if (std::abs(rise) <= kKlMargin * o.kl + kKlFloor ||
        std::abs(rise) <= noise) {
      return;
    }
    const std::string_view old_class = AccuracyClass(o.kl);
    const std::string_view new_class = AccuracyClass(n.kl);
    std::string text = fmt::format(
        "{:.3e} nats/token, was {:.3e}{}; allowed {:.0f} % and "
        "{:.1e} of noise",
        n.kl, o.kl, Change(o.kl, n.kl), 100 * kKlMargin, noise);
    if (old_class != new_class) {
      text += fmt::format("; class {}, was {}", new_class, old_class);
    }
    Add(row, "KL", rise > 0, Severity(o.kl, n.kl), std::move(text));
  }

  // What the mean of the differences may be without meaning anything.
  static double KlNoise(const RowAccuracy& o, const RowAccuracy& n) {
    if (o.kl_blocks.size() != n.kl_blocks.size() || o.kl_blocks.size() < 2) {
      return NormalQuantile(1 - kKlBound) *
             std::hypot(o.kl_stderr, n.kl_stderr);
    }
    std::vector<double> differences;
    for (size_t i = 0; i < o.kl_blocks.size(); ++i) {
      differences.push_back(n.kl_blocks[i] - o.kl_blocks[i]);
    }
    const Mean mean = MeanOf(differences);
    return mean.stderr_of_mean *
           StudentQuantile(1 - kKlBound,
                           static_cast<double>(differences.size() - 1));
  }

  const Results& old_;
  const Results& now_;
  Standard standard_;
  double z_ = 0;
  Judgement judgement_;
};

}  // namespace

size_t Judgement::failures() const {
  return static_cast<size_t>(std::ranges::count_if(findings, &Finding::fails));
}

Judgement Judge(const Results& old, const Results& now, Standard standard) {
  return Comparison(old, now, standard).Run();
}

std::vector<WorstOperator> WorstThree(const Judgement& judgement,
                                      const Results& now) {
  constexpr size_t kThree = 3;
  std::vector<WorstOperator> worst;
  const auto add = [&](const Row& row, std::string why) {
    const bool there = std::ranges::any_of(worst, [&](const auto& w) {
      return w.row->op == row.op && w.row->Label() == row.Label();
    });
    if (worst.size() < kThree && !there && !row.op.empty()) {
      worst.push_back({&row, std::move(why)});
    }
  };
  for (const Finding& f : judgement.findings) {
    if (f.fails) add(f.row, f.text);
  }
  if (!worst.empty() || !judgement.passed()) return worst;
  std::vector<const Row*> rows;
  for (const Row& row : now.rows) {
    if (row.error) rows.push_back(&row);
  }
  std::ranges::sort(rows, [](const Row* a, const Row* b) {
    return a->error->mean_square > b->error->mean_square;
  });
  for (const Row* row : rows) {
    add(*row, fmt::format("error {:.2g} % of its outputs",
                          100 * std::sqrt(row->error->mean_square)));
  }
  return worst;
}

std::vector<HostTime> CompareHostTimes(const Results& old, const Results& now) {
  std::vector<HostTime> times;
  for (const Row& row : now.rows) {
    const Row* was = old.FindRow(row);
    if (was == nullptr || row.host_s.size() < kHostRepeats ||
        was->host_s.size() < kHostRepeats) {
      continue;
    }
    HostTime time{.row = row,
                  .old_s = Median(was->host_s),
                  .new_s = Median(row.host_s),
                  .p = MannWhitneyTest(was->host_s, row.host_s).p};
    time.slower =
        time.new_s > (1 + kHostMargin) * time.old_s && time.p < kHostP;
    times.push_back(std::move(time));
  }
  return times;
}

}  // namespace triptych::gate
