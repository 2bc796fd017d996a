// Parameters of a machine: declared once, in one line each, next to the
// member they set. Loading, range checks, --set, sweeps, `list params` and
// the effective configuration all follow from that line.
//
//   struct Params {
//     int64_t rows = 10;
//     Hertz clock{1.35e9};
//     template <class Self, class V>
//     static void Visit(Self& p, V&& v) {
//       v("grid.rows", p.rows, 1, 64, "worker rows");
//       v("clock_hz", p.clock, 1e8, 4e9, "worker and NoC clock");
//     }
//   };
//
// A preset is a TOML file with every number, as a plain value or as
// { value = 1.35e9, source = "...", basis = "published" }. Dotted keys are
// tables: `[grid] rows = 10`. Two top-level keys are not parameters: `target`
// says which machine the file is for, `about` says it in words. Text values:
// v("periphery", p.periphery,
// {"fast", "rtl"}, "..."). Booleans: v("double_buffer", p.db, "...").
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_PARAMS_H_
#define TRIPTYCH_EMULATORS_PARAMS_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "emulators/ledger.h"
#include "kernels/base/result.h"

namespace triptych {

// Where a number comes from. `source` is "" when nobody said.
struct Provenance {
  Basis basis = Basis::kAssumed;
  std::string source;
};

// The text of a preset plus overrides, not yet matched against any Params.
class Config {
 public:
  using Scalar = std::variant<bool, int64_t, double, std::string>;
  struct Entry {
    Scalar value;
    Provenance provenance;
    std::string where;  // "file:line" or "--set"
  };

  // Parses TOML text. `file` is what messages call it. UTF-8 is checked
  // first. Errors are located.
  static Result<Config> Parse(std::string_view text, std::string_view file);
  static Result<Config> Load(const std::string& path);
  // "grid.rows=11": replaces or adds; the last one counts. The provenance is
  // then `assumed`, with "--set" as its source.
  Status Set(std::string_view assignment);
  // The same for a value that is not text to be read.
  void Set(std::string_view key, Scalar value);

  const std::map<std::string, Entry, std::less<>>& entries() const {
    return entries_;
  }
  const std::string& file() const { return file_; }
  // The top-level `target` and `about`; "" if not given.
  const std::string& target() const { return target_; }
  const std::string& about() const { return about_; }

 private:
  std::string file_, target_, about_;
  std::map<std::string, Entry, std::less<>> entries_;
};

// One parameter as `list params` shows it.
struct ParamInfo {
  std::string key, value, allowed, meaning;
  Provenance provenance;
};

// What was loaded: every parameter, its value and where that comes from.
class ParamSet {
 public:
  std::span<const ParamInfo> params() const { return params_; }
  // Aborts if there is no such key.
  const Provenance& Of(std::string_view key) const;
  // TOML that loads to the same values and provenance.
  std::string Effective() const;
  void Append(ParamInfo info) { params_.push_back(std::move(info)); }

 private:
  std::vector<ParamInfo> params_;
};

// The visitor that LoadParams hands to Visit. Keeps the first error.
class ParamLoader {
 public:
  explicit ParamLoader(const Config& config) : config_(config) {}

  template <class N>
  void operator()(std::string_view key, N& member, double low, double high,
                  std::string_view meaning) {
    if constexpr (std::is_integral_v<N>) {
      double value = static_cast<double>(member);
      Number(key, value, low, high, meaning, /*integral=*/true);
      member = static_cast<N>(value);
    } else if constexpr (std::is_floating_point_v<N>) {
      double value = member;
      Number(key, value, low, high, meaning, /*integral=*/false);
      member = static_cast<N>(value);
    } else {  // a Quantity
      double value = static_cast<double>(member.value);
      Number(key, value, low, high, meaning,
             std::is_integral_v<typename N::rep>);
      member.value = static_cast<typename N::rep>(value);
    }
  }
  void operator()(std::string_view key, std::string& member,
                  std::initializer_list<std::string_view> allowed,
                  std::string_view meaning);
  void operator()(std::string_view key, bool& member, std::string_view meaning);

  // Unknown keys are errors, with the nearest known key named.
  Result<ParamSet> Finish() &&;

 private:
  void Number(std::string_view key, double& value, double low, double high,
              std::string_view meaning, bool integral);
  const Config::Entry* Find(std::string_view key) const;
  void Fail(std::string_view key, const Config::Entry& entry,
            std::string_view what);
  void Append(std::string_view key, std::string value, std::string allowed,
              std::string_view meaning);
  const Config& config_;
  ParamSet set_;
  Status status_;
};

// Sets every member that `config` names; the others keep their defaults.
template <class Params>
Result<ParamSet> LoadParams(const Config& config, Params& params) {
  ParamLoader loader(config);
  Params::Visit(params, loader);
  return std::move(loader).Finish();
}

}  // namespace triptych

#endif  // TRIPTYCH_EMULATORS_PARAMS_H_
