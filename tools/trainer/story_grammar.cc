// From the text of a grammar to its rules; checks; entropy.
// SPDX-License-Identifier: Apache-2.0
#include "tools/trainer/story_grammar.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <set>
#include <sstream>
#include <utility>

#include "kernels/base/check.h"

namespace triptych::trainer {
namespace {

using Node = StoryGrammar::Node;
using Sequence = StoryGrammar::Sequence;
using Alternative = StoryGrammar::Alternative;
using Rule = StoryGrammar::Rule;

std::string_view Trim(std::string_view s) {
  const size_t first = s.find_first_not_of(" \t\r");
  if (first == s.npos) return {};
  return s.substr(first, s.find_last_not_of(" \t\r") - first + 1);
}

bool IsVariable(std::string_view name) {
  return !name.empty() && std::isupper(static_cast<unsigned char>(name[0]));
}

size_t Intern(std::vector<std::string>& names, std::string_view name) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return static_cast<size_t>(it - names.begin());
  names.emplace_back(name);
  return names.size() - 1;
}

// Walks every choice of a rule once with what is known about the variables
// at that point: which rules may have bound each. Finds what would go wrong
// in a derivation, and sums entropy on the way.
class Analysis {
 public:
  explicit Analysis(const std::vector<Rule>& rules) : rules_(rules) {}

  struct Variable {
    bool bound = false;
    std::set<size_t> rules;  // empty: bound to a field, which has no fields
  };
  using Scope = std::map<size_t, Variable>;

  double WalkRule(size_t index, Scope& scope) {
    const Rule& rule = rules_[index];
    if (!open_.insert(index).second) {
      Fail(rule.line, "rule \"" + rule.name + "\" contains itself");
      return 0;
    }
    double entropy = 0;
    std::vector<Scope> ends;
    for (const Alternative& a : rule.alternatives) {
      ends.push_back(scope);
      const double inner = WalkSequence(a.body, ends.back());
      entropy += std::exp(a.log_p) * (inner - a.log_p);
    }
    scope = Merge(ends);
    open_.erase(index);
    return entropy;
  }

  int line() const { return line_; }
  const std::string& what() const { return what_; }  // empty: nothing wrong

 private:
  double WalkSequence(const Sequence& sequence, Scope& scope) {
    double entropy = 0;
    for (const Node& node : sequence) entropy += WalkNode(node, scope);
    return entropy;
  }

  double WalkNode(const Node& node, Scope& scope) {
    double entropy = 0;
    std::set<size_t> binders;
    if (node.kind == Node::Kind::kRule) {
      entropy = WalkRule(node.index, scope);
      binders = {node.index};
    } else if (node.kind != Node::Kind::kText) {
      if (!scope[node.index].bound) {
        Fail(node.line, "a variable is used that may not be bound");
      } else if (node.kind == Node::Kind::kField) {
        entropy = WalkField(node, scope);
      }
    }
    if (node.bind >= 0) scope[node.bind] = {true, binders};
    return entropy;
  }

  double WalkField(const Node& node, Scope& scope) {
    const std::set<size_t> binders = scope[node.index].rules;
    if (binders.empty()) Fail(node.line, "this variable has no fields");
    std::vector<double> entropies;
    for (const size_t binder : binders) {
      double mean = 0;
      for (const Alternative& a : rules_[binder].alternatives) {
        const auto it = a.fields.find(node.field);
        if (it == a.fields.end()) {
          Fail(node.line, "an alternative of \"" + rules_[binder].name +
                              "\" lacks this field");
          return 0;
        }
        Scope inner = scope;
        mean += std::exp(a.log_p) * WalkSequence(it->second, inner);
      }
      entropies.push_back(mean);
    }
    // Which rule bound the variable depends on the path, so the expectation
    // is only known without the path if it does not matter.
    for (const double e : entropies) {
      if (std::abs(e - entropies[0]) > 1e-12) {
        Fail(node.line, "rules of unequal entropy may have bound this");
      }
    }
    return entropies.empty() ? 0 : entropies[0];
  }

  static Scope Merge(const std::vector<Scope>& ends) {
    Scope merged = ends[0];
    for (const Scope& end : ends) {
      for (auto& [variable, state] : merged) {
        const auto it = end.find(variable);
        if (it == end.end() || !it->second.bound) {
          state.bound = false;
        } else {
          state.rules.insert(it->second.rules.begin(), it->second.rules.end());
        }
      }
    }
    return merged;
  }

  void Fail(int line, std::string what) {
    if (what_.empty()) std::tie(line_, what_) = std::pair(line, what);
  }

  const std::vector<Rule>& rules_;
  std::set<size_t> open_;
  int line_ = 0;
  std::string what_;
};

}  // namespace

// Line by line: "name" at the margin opens a rule, two spaces an alternative,
// more continue it.
class GrammarParser {
 public:
  explicit GrammarParser(std::string name) : name_(std::move(name)) {}

  Result<StoryGrammar> Run(std::string_view source) {
    TRIPTYCH_TRY(Collect(source));
    grammar_.rules_.resize(raw_.size());
    for (size_t r = 0; r < raw_.size(); ++r) {
      Rule rule{raw_[r].name, raw_[r].line, {}};
      for (const auto& [line, text] : raw_[r].alternatives) {
        line_ = line;
        TRIPTYCH_ASSIGN(Alternative a, ParseAlternative(text));
        rule.alternatives.push_back(std::move(a));
      }
      if (rule.alternatives.empty()) return Wrong("a rule needs alternatives");
      Normalize(rule);
      grammar_.rules_[r] = std::move(rule);
    }
    Analysis analysis(grammar_.rules_);
    Analysis::Scope scope;
    analysis.WalkRule(0, scope);
    line_ = analysis.line();
    if (!analysis.what().empty()) return Wrong(analysis.what());
    return std::move(grammar_);
  }

 private:
  struct RawRule {
    std::string name;
    int line;
    std::vector<std::pair<int, std::string>> alternatives;
  };

  std::unexpected<Error> Wrong(const std::string& what) const {
    return MakeError(ErrorCode::kInvalid,
                     name_ + ":" + std::to_string(line_) + ": " + what);
  }

  Status Collect(std::string_view source) {
    std::istringstream in{std::string(source)};
    for (std::string line; std::getline(in, line);) {
      ++line_;
      const std::string_view text = Trim(line);
      if (text.empty() || text[0] == '#') continue;
      const size_t indent = line.find_first_not_of(' ');
      if (indent == 0) {
        for (const RawRule& r : raw_) {
          if (r.name == text) return Wrong("this rule exists already");
        }
        raw_.push_back({std::string(text), line_, {}});
      } else if (raw_.empty()) {
        return Wrong("an alternative needs a rule above it");
      } else if (indent == 2) {
        raw_.back().alternatives.emplace_back(line_, text);
      } else if (raw_.back().alternatives.empty()) {
        return Wrong("nothing to continue");
      } else {
        // A line may be broken at a space, or beside '|' at nothing.
        std::string& whole = raw_.back().alternatives.back().second;
        const bool glue = whole.back() == '|' || whole.back() == '[' ||
                          text[0] == '|' || text[0] == ']';
        whole.append(glue ? "" : " ").append(text);
      }
    }
    if (raw_.empty()) return Wrong("a grammar needs a rule");
    return {};
  }

  // "(3) body ; field=text ; ...": the weight is 1 where there is none. The
  // weight waits in log_p until the rule is complete.
  Result<Alternative> ParseAlternative(std::string_view text) {
    Alternative a;
    if (text.starts_with('(')) {
      const size_t close = text.find(')');
      const double weight = std::atof(std::string(text.substr(1)).c_str());
      if (close == text.npos || !(weight > 0)) {
        return Wrong("a weight looks like (2) and is positive");
      }
      a.log_p = std::log(weight);
      text = Trim(text.substr(close + 1));
    }
    bool first = true;
    while (first || !text.empty()) {
      const size_t semicolon = std::min(text.find(';'), text.size());
      std::string_view part = Trim(text.substr(0, semicolon));
      text.remove_prefix(std::min(semicolon + 1, text.size()));
      size_t field = 0;
      if (!first) {
        const size_t equals = part.find('=');
        if (equals == part.npos) return Wrong("a field looks like name=text");
        field = Intern(grammar_.fields_, Trim(part.substr(0, equals)));
        part = Trim(part.substr(equals + 1));
      }
      TRIPTYCH_ASSIGN(Sequence sequence, ParseSequence(part, false));
      if (!part.empty()) return Wrong("there is a ']' or '|' too many");
      (first ? a.body : a.fields[field]) = std::move(sequence);
      first = false;
    }
    return a;
  }

  // Consumes `text` up to its end or, inside brackets, to '|' or ']'.
  Result<Sequence> ParseSequence(std::string_view& text, bool inside) {
    Sequence sequence;
    while (!text.empty() && text[0] != '|' && text[0] != ']') {
      if (text[0] == '<') {
        TRIPTYCH_ASSIGN(Node node, ParseReference(text));
        sequence.push_back(std::move(node));
      } else if (text[0] == '[') {
        TRIPTYCH_ASSIGN(Node node, ParseInline(text));
        sequence.push_back(std::move(node));
      } else {
        const size_t end = std::min(text.find_first_of("<[]|"), text.size());
        Node node;
        node.text = text.substr(0, end);
        node.line = line_;
        text.remove_prefix(end);
        sequence.push_back(std::move(node));
      }
    }
    if (inside && text.empty()) return Wrong("a '[' is never closed");
    return sequence;
  }

  // "[a|b|c]" is a rule without a name, its alternatives equally likely.
  Result<Node> ParseInline(std::string_view& text) {
    Rule rule{"[...]", line_, {}};
    while (text[0] != ']') {
      text.remove_prefix(1);
      TRIPTYCH_ASSIGN(Sequence body, ParseSequence(text, true));
      rule.alternatives.push_back({0, std::move(body), {}});
    }
    text.remove_prefix(1);
    Normalize(rule);
    Node node;
    node.kind = Node::Kind::kRule;
    node.index = grammar_.rules_.size();
    node.line = line_;
    grammar_.rules_.push_back(std::move(rule));
    return node;
  }

  // "<", "^" for a capital, "Variable=" or "Variable~" (silent) to remember,
  // then a rule, a Variable or a Variable.field, ">".
  Result<Node> ParseReference(std::string_view& text) {
    const size_t close = text.find('>');
    if (close == text.npos) return Wrong("a '<' is never closed");
    std::string_view name = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    Node node;
    node.line = line_;
    if (name.starts_with('^')) {
      node.capital = true;
      name.remove_prefix(1);
    }
    if (const size_t at = name.find_first_of("=~"); at != name.npos) {
      node.silent = name[at] == '~';
      if (!IsVariable(name.substr(0, at)) || node.capital) {
        return Wrong("only a Variable remembers, and nothing capitalized");
      }
      node.bind = static_cast<int>(
          Intern(grammar_.variables_, name.substr(0, at)));
      name.remove_prefix(at + 1);
    }
    if (!IsVariable(name)) {
      const auto it = std::find_if(raw_.begin(), raw_.end(),
                                   [&](auto& r) { return r.name == name; });
      if (it == raw_.end()) {
        return Wrong("no rule is called \"" + std::string(name) + "\"");
      }
      node.kind = Node::Kind::kRule;
      node.index = static_cast<size_t>(it - raw_.begin());
      return node;
    }
    const size_t dot = name.find('.');
    node.kind = dot == name.npos ? Node::Kind::kRecall : Node::Kind::kField;
    node.index = Intern(grammar_.variables_, name.substr(0, dot));
    if (dot != name.npos) {
      node.field = Intern(grammar_.fields_, name.substr(dot + 1));
    }
    return node;
  }

  static void Normalize(Rule& rule) {
    double total = 0;
    for (const Alternative& a : rule.alternatives) total += std::exp(a.log_p);
    for (Alternative& a : rule.alternatives) a.log_p -= std::log(total);
  }

  std::string name_;
  int line_ = 0;
  std::vector<RawRule> raw_;
  StoryGrammar grammar_;
};

Result<StoryGrammar> StoryGrammar::Parse(std::string_view source,
                                         const std::string& name) {
  return GrammarParser(name).Run(source);
}

Result<StoryGrammar> StoryGrammar::Load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return MakeError(ErrorCode::kIo, path + ": cannot be read");
  std::ostringstream source;
  source << file.rdbuf();
  return Parse(source.str(), path);
}

size_t StoryGrammar::Find(std::string_view rule) const {
  if (rule.empty()) return 0;
  const auto it = std::find_if(rules_.begin(), rules_.end(),
                               [&](auto& r) { return r.name == rule; });
  TRIPTYCH_CHECK(it != rules_.end(), "rule", rule);
  return static_cast<size_t>(it - rules_.begin());
}

double StoryGrammar::Entropy(std::string_view rule) const {
  Analysis analysis(rules_);
  Analysis::Scope scope;
  return analysis.WalkRule(Find(rule), scope);
}

}  // namespace triptych::trainer
