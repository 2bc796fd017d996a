// SPDX-License-Identifier: Apache-2.0
#include "tools/search/serve.h"

#include <fmt/format.h>

#include <algorithm>
#include <istream>
#include <nlohmann/json.hpp>
#include <ostream>

#include "kernels/base/check.h"

namespace triptych::search {
namespace {

using nlohmann::json;

json ToJson(const Axis& axis) {
  json object = {{"name", axis.name}, {"kind", NameOf(axis.kind)}};
  if (axis.kind == AxisKind::kChoice) {
    object["choices"] = axis.choices;
    return object;
  }
  const bool whole = axis.kind == AxisKind::kWhole;
  const auto end = [&](double value) {
    return whole ? json(static_cast<int64_t>(value)) : json(value);
  };
  object["low"] = end(axis.low);
  object["high"] = end(axis.high);
  object["log"] = axis.log;
  return object;
}

// The value that `given` is on an axis.
Result<double> ValueOf(const Axis& axis, const json& given) {
  double value = 0;
  if (axis.kind == AxisKind::kChoice) {
    const auto* text = given.get_ptr<const std::string*>();
    const auto found = text == nullptr ? axis.choices.end()
                                       : std::ranges::find(axis.choices, *text);
    if (found == axis.choices.end()) {
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("{}: {}: allowed: {}", axis.name,
                                   given.dump(), AllowedText(axis)));
    }
    value = static_cast<double>(found - axis.choices.begin());
  } else if (given.is_number()) {
    value = given.get<double>();
  } else {
    return MakeError(ErrorCode::kInvalid,
                     fmt::format("{}: {}: not a number; allowed: {}", axis.name,
                                 given.dump(), AllowedText(axis)));
  }
  TRIPTYCH_TRY(CheckValue(axis, value));
  return value;
}

// One conversation.
class Server {
 public:
  Server(std::span<const Axis> axes,
         std::span<const sweep::Objective> objectives,
         const AnswerPoint& answer)
      : axes_(axes), objectives_(objectives), answer_(answer) {}

  json Reply(const std::string& line, size_t number);
  const Served& served() const { return served_; }

 private:
  json Failed(json reply, std::string_view status, size_t number,
              const std::string& what) const;
  json Space() const;
  Result<Point> ReadPoint(const json& point) const;
  json Told(json reply, const Answer& answer) const;
  json ReplyToPoint(const json& question, size_t number);

  std::span<const Axis> axes_;
  std::span<const sweep::Objective> objectives_;
  const AnswerPoint& answer_;
  Served served_;
};

json Server::Failed(json reply, std::string_view status, size_t number,
                    const std::string& what) const {
  reply["status"] = status;
  reply["line"] = number;
  reply["error"] = fmt::format("line {}: {}", number, what);
  return reply;
}

json Server::Space() const {
  json space = json::array(), objectives = json::array();
  for (const Axis& axis : axes_) space.push_back(ToJson(axis));
  for (const sweep::Objective& objective : objectives_) {
    objectives.push_back(
        {{"name", objective.column},
         {"goal", objective.maximise ? "maximise" : "minimise"}});
  }
  return {{"status", "ok"}, {"space", space}, {"objectives", objectives}};
}

Result<Point> Server::ReadPoint(const json& point) const {
  Point values;
  for (const Axis& axis : axes_) {
    const auto given = point.find(axis.name);
    if (given == point.end()) {
      return MakeError(ErrorCode::kInvalid,
                       fmt::format("{}: missing; allowed: {}", axis.name,
                                   AllowedText(axis)));
    }
    TRIPTYCH_ASSIGN(const double value, ValueOf(axis, *given));
    values.push_back(value);
  }
  if (point.size() == axes_.size()) return values;
  for (const auto& [name, value] : point.items()) {
    if (std::ranges::find(axes_, name, &Axis::name) != axes_.end()) continue;
    std::string allowed;
    for (const Axis& axis : axes_) {
      allowed += (allowed.empty() ? "" : ", ") + axis.name;
    }
    return MakeError(
        ErrorCode::kInvalid,
        fmt::format("{}: no such axis; allowed: {}", name, allowed));
  }
  return values;
}

json Server::Told(json reply, const Answer& answer) const {
  TRIPTYCH_CHECK(answer.objectives.size() == objectives_.size(), "objectives",
                 answer.objectives.size());
  reply["status"] = "ok";
  reply["objectives"] = json::object();
  for (size_t i = 0; i < objectives_.size(); ++i) {
    reply["objectives"][objectives_[i].column] = answer.objectives[i];
  }
  reply["measures"] = json::object();
  for (const auto& [name, value] : answer.measures) {
    std::visit([&](const auto& v) { reply["measures"][name] = v; }, value);
  }
  return reply;
}

json Server::ReplyToPoint(const json& question, size_t number) {
  json reply = json::object();
  if (const auto id = question.find("id"); id != question.end()) {
    reply["id"] = *id;
  }
  const auto given = question.find("point");
  if (given == question.end() || !given->is_object()) {
    ++served_.errors;
    return Failed(std::move(reply), "error", number,
                  "no question; allowed are {\"ask\": \"space\"} and "
                  "{\"id\": ..., \"point\": {axis: value, ...}}");
  }
  const Result<Point> point = ReadPoint(*given);
  if (!point) {
    ++served_.errors;
    return Failed(std::move(reply), "error", number, point.error().message);
  }
  const Result<Answer> answer = answer_(*point);
  if (!answer) {
    ++served_.invalid;
    return Failed(std::move(reply), "invalid", number, answer.error().message);
  }
  ++served_.points;
  return Told(std::move(reply), *answer);
}

json Server::Reply(const std::string& line, size_t number) {
  const json question = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!question.is_object()) {
    ++served_.errors;
    return Failed(json::object(), "error", number,
                  question.is_discarded() ? "not JSON; allowed is one object"
                                          : "not an object; allowed is one");
  }
  if (question.value("ask", json()) == "space") return Space();
  return ReplyToPoint(question, number);
}

// Reads a line without its end; of a longer one than kMaxLine only that much.
// False at the end of input.
bool ReadLine(std::istream& in, std::string& line, bool& whole) {
  line.clear();
  whole = true;
  for (int c = in.get(); c != std::istream::traits_type::eof(); c = in.get()) {
    if (c == '\n') return true;
    if (line.size() < kMaxLine) {
      line.push_back(static_cast<char>(c));
    } else {
      whole = false;
    }
  }
  return !line.empty();
}

}  // namespace

Result<Served> Serve(std::istream& in, std::ostream& out,
                     std::span<const Axis> axes,
                     std::span<const sweep::Objective> objectives,
                     const AnswerPoint& answer) {
  TRIPTYCH_TRY(CheckSpace(axes));
  Server server(axes, objectives, answer);
  std::string line;
  bool whole = true;
  for (size_t number = 1; ReadLine(in, line, whole); ++number) {
    // A line cut short is not JSON, and is answered so.
    const bool empty = line.find_first_not_of(" \t\r") == std::string::npos;
    if (whole && empty) continue;
    const json reply = server.Reply(whole ? line : "", number);
    out << reply.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
    if (!out.flush()) {
      return MakeError(
          ErrorCode::kIo,
          fmt::format("line {}: its answer cannot be written", number));
    }
  }
  return server.served();
}

}  // namespace triptych::search
