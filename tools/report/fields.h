// Members of a JSON object, with errors instead of exceptions.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_REPORT_FIELDS_H_
#define TRIPTYCH_TOOLS_REPORT_FIELDS_H_

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/result.h"
#include "tools/report/material.h"

namespace triptych::report {

// Reads members until one is wrong; that error stays. A member that is not
// there is unknown, unless it is required.
class Fields {
 public:
  explicit Fields(const nlohmann::json& object) : object_(object) {
    if (!object.is_object()) Fail("", "an object");
  }

  double Number(const char* key) {
    const auto found = Find(key);
    if (found == nullptr || found->is_null()) return kUnknown;
    if (found->is_number()) return found->get<double>();
    Fail(key, "a number");
    return kUnknown;
  }
  std::string Text(const char* key) {
    const auto found = Find(key);
    if (found == nullptr || found->is_null()) return "";
    if (found->is_string()) return found->get<std::string>();
    Fail(key, "a text");
    return "";
  }
  std::vector<double> Numbers(const char* key) {
    std::vector<double> numbers;
    for (const nlohmann::json& entry : Array(key)) {
      if (!entry.is_number() && !entry.is_null()) Fail(key, "numbers");
      numbers.push_back(entry.is_number() ? entry.get<double>() : kUnknown);
    }
    return numbers;
  }
  std::vector<std::string> Texts(const char* key) {
    std::vector<std::string> texts;
    for (const nlohmann::json& entry : Array(key)) {
      if (!entry.is_string()) Fail(key, "texts");
      texts.push_back(entry.is_string() ? entry.get<std::string>() : "");
    }
    return texts;
  }
  // Empty if it is not there.
  const nlohmann::json& Array(const char* key) {
    return Of(key, &nlohmann::json::is_array, "an array");
  }
  const nlohmann::json& Object(const char* key) {
    return Of(key, &nlohmann::json::is_object, "an object");
  }
  Fields& Require(const char* key) {
    if (Find(key) == nullptr) Fail(key, "present");
    return *this;
  }
  // Keeps the first error of a part.
  void Keep(const Status& status) {
    if (status_ && !status) status_ = status;
  }

  const Status& status() const { return status_; }

 private:
  const nlohmann::json* Find(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto found = object_.find(key);
    return found == object_.end() ? nullptr : &*found;
  }
  const nlohmann::json& Of(const char* key,
                           bool (nlohmann::json::*is)() const noexcept,
                           std::string_view wanted) {
    static const nlohmann::json kEmpty;
    const auto found = Find(key);
    if (found == nullptr || found->is_null()) return kEmpty;
    if ((found->*is)()) return *found;
    Fail(key, wanted);
    return kEmpty;
  }
  void Fail(const char* key, std::string_view wanted) {
    if (!status_) return;
    status_ = MakeError(
        ErrorCode::kCorrupt,
        fmt::format("{}{}has to be {}", key, *key == '\0' ? "" : ": ", wanted));
  }

  const nlohmann::json& object_;
  Status status_;
};

}  // namespace triptych::report

#endif  // TRIPTYCH_TOOLS_REPORT_FIELDS_H_
