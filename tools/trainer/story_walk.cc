// Derivations forwards (drawing, enumerating) and backwards (reading).
// SPDX-License-Identifier: Apache-2.0
#include <cctype>
#include <cmath>
#include <functional>
#include <utility>

#include "kernels/base/check.h"
#include "tools/trainer/story_grammar.h"

namespace triptych::trainer {
namespace {

using Node = StoryGrammar::Node;
using Sequence = StoryGrammar::Sequence;
using Alternative = StoryGrammar::Alternative;
using Rule = StoryGrammar::Rule;

// What a variable remembers.
struct Binding {
  const Alternative* alternative = nullptr;  // null: bound to a field
  std::string text;
};

char Upper(char c) {
  return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
}

const Sequence& FieldOf(const Binding& binding, const Node& node) {
  TRIPTYCH_CHECK(binding.alternative, "grammar line", node.line);
  return binding.alternative->fields.at(node.field);
}

// Writes one derivation.
class Writer {
 public:
  Writer(const std::vector<Rule>& rules, size_t variables,
         const std::function<size_t(const Rule&)>& choose)
      : rules_(rules), choose_(choose), bindings_(variables) {}

  const Alternative& WriteRule(size_t index) {
    const Rule& rule = rules_[index];
    const Alternative& a = rule.alternatives[choose_(rule)];
    log_p_ += a.log_p;
    Write(a.body);
    return a;
  }
  Story Done() { return {std::move(out_), log_p_}; }

 private:
  void Write(const Sequence& sequence) {
    for (const Node& node : sequence) WriteNode(node);
  }

  void WriteNode(const Node& node) {
    const size_t start = out_.size();
    const Alternative* chosen = nullptr;
    upper_ |= node.capital;
    switch (node.kind) {
      case Node::Kind::kText: Emit(node.text); break;
      case Node::Kind::kRecall: Emit(bindings_[node.index].text); break;
      case Node::Kind::kRule: chosen = &WriteRule(node.index); break;
      case Node::Kind::kField:
        Write(FieldOf(bindings_[node.index], node));
        break;
    }
    if (node.bind >= 0) bindings_[node.bind] = {chosen, out_.substr(start)};
    if (node.silent) out_.resize(start);
  }

  void Emit(const std::string& text) {
    if (text.empty()) return;
    out_ += text;
    if (upper_) out_[out_.size() - text.size()] = Upper(text[0]);
    upper_ = false;
  }

  const std::vector<Rule>& rules_;
  const std::function<size_t(const Rule&)>& choose_;
  std::vector<Binding> bindings_;
  std::string out_;
  bool upper_ = false;
  double log_p_ = 0;
};

// Finds every derivation of a text by trying all alternatives in place. What
// is still to be read after a node is a continuation, so that a choice made
// early is only final when the text ends with it.
class Reader {
 public:
  using Next = std::function<void()>;

  Reader(const std::vector<Rule>& rules, size_t variables,
         std::string_view text)
      : rules_(rules), text_(text), bindings_(variables) {}

  Reading Run(size_t rule) {
    ReadRule(rule, [this](const Alternative&) {
      if (at_ != text_.size()) return;
      ++derivations_;
      probability_ += std::exp(log_p_);
    });
    return {derivations_, std::log(probability_)};
  }

 private:
  void ReadRule(size_t index,
                const std::function<void(const Alternative&)>& next) {
    for (const Alternative& a : rules_[index].alternatives) {
      log_p_ += a.log_p;
      ReadSequence(a.body, 0, [&] { next(a); });
      log_p_ -= a.log_p;
    }
  }

  void ReadSequence(const Sequence& sequence, size_t i, const Next& next) {
    if (i == sequence.size()) return next();
    const Node& node = sequence[i];
    const Next rest = [&, i] { ReadSequence(sequence, i + 1, next); };
    const bool upper = std::exchange(upper_, upper_ || node.capital);
    switch (node.kind) {
      case Node::Kind::kText: Take(node.text, rest); break;
      case Node::Kind::kRecall:
        Take(std::string(bindings_[node.index].text), rest);
        break;
      case Node::Kind::kRule:
        Remember(node, [&](const auto& bind) {
          ReadRule(node.index, [&](const Alternative& a) { bind(&a, rest); });
        });
        break;
      case Node::Kind::kField:
        Remember(node, [&](const auto& bind) {
          ReadSequence(FieldOf(bindings_[node.index], node), 0,
                       [&] { bind(nullptr, rest); });
        });
        break;
    }
    upper_ = upper;
  }

  // Runs body(bind); bind(alternative, rest) stores what was read since, and
  // goes on with `rest`. A silent node writes aside instead of reading.
  template <class Body>
  void Remember(const Node& node, const Body& body) {
    if (node.bind < 0) {
      return body([](const Alternative*, const Next& rest) { rest(); });
    }
    const size_t start = at_;
    const bool was_silent = std::exchange(silent_, silent_ || node.silent);
    const std::string was_aside = std::exchange(aside_, {});
    body([&](const Alternative* a, const Next& rest) {
      const std::string here = aside_;
      aside_ = was_silent ? was_aside + here : was_aside;
      std::string text =
          silent_ ? here : std::string(text_.substr(start, at_ - start));
      const bool silent = std::exchange(silent_, was_silent);
      const Binding old = std::exchange(bindings_[node.bind],
                                        Binding{a, std::move(text)});
      rest();
      bindings_[node.bind] = old;
      silent_ = silent;
      aside_ = here;
    });
    silent_ = was_silent;
    aside_ = was_aside;
  }

  void Take(const std::string& expected, const Next& next) {
    if (expected.empty()) return next();
    if (silent_) {
      aside_ += expected;
      next();
      aside_.resize(aside_.size() - expected.size());
      return;
    }
    const std::string_view here = text_.substr(at_, expected.size());
    if (here.size() < expected.size()) return;
    const char first = upper_ ? Upper(expected[0]) : expected[0];
    if (here[0] != first || here.substr(1) != expected.substr(1)) return;
    const bool upper = std::exchange(upper_, false);
    at_ += expected.size();
    next();
    at_ -= expected.size();
    upper_ = upper;
  }

  const std::vector<Rule>& rules_;
  std::string_view text_;
  std::vector<Binding> bindings_;
  size_t at_ = 0;
  bool upper_ = false, silent_ = false;
  std::string aside_;
  double log_p_ = 0;
  size_t derivations_ = 0;
  double probability_ = 0;
};

}  // namespace

Story StoryGrammar::Derive(size_t rule, const Chooser& choose) const {
  Writer writer(rules_, variables_.size(), choose);
  writer.WriteRule(rule);
  return writer.Done();
}

Story StoryGrammar::Sample(Rng& rng, std::string_view rule) const {
  return Derive(Find(rule), [&rng](const Rule& r) {
    double left = rng.Uniform();
    for (size_t i = 0; i + 1 < r.alternatives.size(); ++i) {
      left -= std::exp(r.alternatives[i].log_p);
      if (left < 0) return i;
    }
    return r.alternatives.size() - 1;
  });
}

std::vector<Story> StoryGrammar::Enumerate(std::string_view rule,
                                           size_t limit) const {
  // An odometer of choices: replay a prefix, take the first of everything
  // after it, then advance the last choice that has more to offer.
  std::vector<std::pair<size_t, size_t>> path;  // taken, number of them
  std::vector<Story> all;
  while (true) {
    size_t depth = 0;
    all.push_back(Derive(Find(rule), [&](const Rule& r) {
      if (depth == path.size()) path.emplace_back(0, r.alternatives.size());
      return path[depth++].first;
    }));
    TRIPTYCH_CHECK(all.size() <= limit, "limit", limit, "rule", rule);
    while (!path.empty() && path.back().first + 1 == path.back().second) {
      path.pop_back();
    }
    if (path.empty()) return all;
    ++path.back().first;
  }
}

Reading StoryGrammar::Read(std::string_view text, std::string_view rule) const {
  return Reader(rules_, variables_.size(), text).Run(Find(rule));
}

}  // namespace triptych::trainer
