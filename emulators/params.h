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
// tables: `[grid] rows = 10`. Three top-level keys are not parameters: `target`
// says which machine the file is for, `about` says it in words, `base` names
// the target's preset that has what this one does not say. Text values:
// v("periphery", p.periphery,
// {"fast", "rtl", "socket:"}, "..."); one that ends in a colon allows any text
// after it. Booleans: v("double_buffer", p.db, "...").
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_EMULATORS_PARAMS_H_
#define TRIPTYCH_EMULATORS_PARAMS_H_

#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
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
    std::shared_ptr<const Provenance> provenance;
    std::string where;  // "file:line" or "--set"
  };
  using Entries = std::map<std::string, Entry, std::less<>>;

  // Parses TOML text. `file` is what messages call it. UTF-8 is checked
  // first. Errors are located.
  static Result<Config> Parse(std::string_view text, std::string_view file);
  static Result<Config> Load(const std::string& path);
  // "grid.rows=11": replaces or adds; the last one counts. The provenance is
  // then `assumed`, with "--set" as its source.
  Status Set(std::string_view assignment);
  // The same for a value that is not text to be read.
  void Set(std::string_view key, Scalar value);

  // What the text and the overrides say of `key`; null if nothing.
  const Entry* Find(std::string_view key) const;
  // What the text says, and what was set over it.
  const Entries& entries() const { return *entries_; }
  const Entries& overrides() const { return overrides_; }
  const std::string& file() const { return file_; }
  // The top-level `target` and `about`; "" if not given.
  const std::string& target() const { return target_; }
  const std::string& about() const { return about_; }

 private:
  std::string file_, target_, about_;
  // A text is read once and shared by all copies (estimate.h makes a million).
  std::shared_ptr<const Entries> entries_ = std::make_shared<Entries>();
  Entries overrides_;
};

// One parameter as `list params` shows it.
struct ParamInfo {
  std::string key, value, allowed, meaning;
  Provenance provenance;
};

// What was loaded: every parameter, its value and where that comes from.
class ParamSet {
 public:
  // In the order of Visit; made when asked for.
  std::vector<ParamInfo> params() const;
  // Null if there is no such key.
  const Provenance* Find(std::string_view key) const;
  // Aborts if there is no such key.
  const Provenance& Of(std::string_view key) const;
  // TOML that loads to the same values and provenance.
  std::string Effective() const;

 private:
  friend class ParamLoader;
  struct Row {
    std::string key;
    std::string_view meaning;  // a literal of a Visit
    std::variant<bool, double, std::string> value;
    double low = 0, high = 0;               // of a number
    std::vector<std::string_view> choices;  // of a text; literals too
    std::shared_ptr<const Provenance> provenance;
  };
  static std::string ValueOf(const Row& row);
  static std::string AllowedOf(const Row& row);
  std::vector<Row> rows_;
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
  const Config::Entry* Find(std::string_view key);
  void Fail(std::string_view key, const Config::Entry& entry,
            std::string_view what);
  std::unexpected<Error> Unknown(std::string_view key,
                                 const Config::Entry& entry) const;
  const Config& config_;
  ParamSet set_;
  size_t found_ = 0;  // keys that the configuration has
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
