// SPDX-License-Identifier: Apache-2.0
#include "tools/gate/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "kernels/base/text.h"
#include "tools/cli/table.h"

namespace triptych::gate {
namespace {

// Findings a terminal or a summary shows; the JSON has them all.
constexpr size_t kShown = 20;

std::string OperatorOf(const Row& row) {
  return row.op.empty() ? "all" : row.op;
}

std::string HostText(const HostTime& t) {
  return fmt::format("{}/{}: {} on this host, was {} ({:+.1f} %, p = {:.2g}){}",
                     t.row.case_name, t.row.Label(), cli::Si(t.new_s, "s"),
                     cli::Si(t.old_s, "s"), 100 * (t.new_s / t.old_s - 1), t.p,
                     t.slower ? ": slower" : "");
}

std::string LastLine(const Verdict& v) {
  const size_t slower = static_cast<size_t>(
      std::ranges::count_if(v.host_times, &HostTime::slower));
  return fmt::format("gate: {} rows compared, {} differences, {} failed{}",
                     v.judgement.rows, v.judgement.findings.size(),
                     v.judgement.failures() + slower,
                     v.passed() ? "" : ": FAILED");
}

std::string Failures(const Verdict& v, const Row& row) {
  std::string text;
  for (const Finding& f : v.judgement.findings) {
    if (f.fails && f.row.Id() == row.Id()) {
      text += (text.empty() ? "" : "; ") + f.text;
    }
  }
  return text;
}

// Cells must not end a row or a column.
std::string Cell(std::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c == '\n' ? ' ' : c;
  }
  return cell;
}

std::string MarkdownTargets(const Results& now) {
  std::string text =
      "| case | target | phase | time | energy | off-chip | KL nats/token | "
      "class | top-1 |\n|---|---|---|---:|---:|---:|---:|---|---:|\n";
  for (const Row& row : now.rows) {
    if (!row.op.empty()) continue;
    text += fmt::format("| {} | {} | {} |", Cell(row.case_name),
                        Cell(row.Label()), row.phase);
    if (row.cost) {
      text += fmt::format(
          " {} | {} | {} |",
          row.cost->measured
              ? std::string("measured")
              : cli::Si(static_cast<double>(row.cost->picos) * 1e-12, "s"),
          cli::Si(row.cost->energy_j, "J"),
          cli::Si(static_cast<double>(row.cost->off_chip_bytes), "B"));
    } else {
      text += " | | |";
    }
    if (row.accuracy) {
      text += fmt::format(" {:.3e} | {} | {} |", row.accuracy->kl,
                          AccuracyClass(row.accuracy->kl),
                          cli::Percent(row.accuracy->top1));
    } else {
      text += " | | |";
    }
    text += '\n';
  }
  return text;
}

}  // namespace

bool Verdict::passed() const {
  return judgement.passed() &&
         std::ranges::none_of(host_times, &HostTime::slower);
}

std::string TerminalText(const Verdict& v) {
  std::string text;
  const auto& findings = v.judgement.findings;
  if (!findings.empty()) {
    cli::Table table({"", "case", "target", "phase", "operator", "finding"});
    for (size_t i = 0; i < std::min(kShown, findings.size()); ++i) {
      const Finding& f = findings[i];
      table.Add({f.fails ? "FAILED" : "note", f.row.case_name, f.row.Label(),
                 f.row.phase, OperatorOf(f.row), f.text});
    }
    text += table.Text();
    if (findings.size() > kShown) {
      text += fmt::format("... and {} more\n", findings.size() - kShown);
    }
    text += '\n';
  }
  const auto worst = WorstThree(v.judgement, v.now);
  if (!worst.empty()) text += "worst operators:\n";
  for (const WorstOperator& w : worst) {
    text += fmt::format("  {} on {}: {}\n", w.row->op, w.row->Label(), w.why);
  }
  for (const HostTime& t : v.host_times) text += HostText(t) + '\n';
  return text + LastLine(v) + '\n';
}

std::string JunitText(const Verdict& v, std::string_view name) {
  struct Suite {
    std::string cases;
    size_t tests = 0, failures = 0;
  };
  std::map<std::string, Suite> suites;  // by target
  size_t tests = 0, failures = 0;
  const auto add = [&](const Row& row, std::string_view title,
                       const std::string& failure) {
    Suite& suite = suites[row.case_name + "/" + row.Label()];
    ++suite.tests;
    ++tests;
    suite.cases += fmt::format("  <testcase classname=\"{}\" name=\"{}\">",
                               EscapeXml(row.case_name + "." + row.Label()),
                               EscapeXml(title));
    if (!failure.empty()) {
      ++suite.failures;
      ++failures;
      suite.cases +=
          fmt::format("<failure message=\"{}\"/>", EscapeXml(failure));
    }
    suite.cases += "</testcase>\n";
  };
  for (const Row& row : v.now.rows) {
    add(row, row.phase + "/" + OperatorOf(row), Failures(v, row));
  }
  // What is in no row of this run: rows that are gone, other settings.
  for (const Finding& f : v.judgement.findings) {
    if (f.fails && v.now.FindRow(f.row) == nullptr) {
      add(f.row, f.row.phase + "/" + OperatorOf(f.row), f.text);
    }
  }
  for (const HostTime& t : v.host_times) {
    add(t.row, "host time", t.slower ? HostText(t) : "");
  }
  std::string body;
  for (const auto& [title, suite] : suites) {
    body += fmt::format(
        " <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\">\n{} "
        "</testsuite>\n",
        EscapeXml(title), suite.tests, suite.failures, suite.cases);
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\" "
      "tests=\"{}\" failures=\"{}\">\n{}</testsuites>\n",
      EscapeXml(name), tests, failures, body);
}

std::string EscapeAnnotation(std::string_view text, bool property) {
  std::string escaped;
  for (const char c : text) {
    if (c == '%' || c == '\n' || c == '\r' ||
        (property && (c == ':' || c == ','))) {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::string AnnotationsText(const Verdict& v, std::string_view file,
                            std::string_view file_text) {
  std::string text;
  const auto add = [&](const Row& row, std::string_view title,
                       std::string_view message) {
    const std::string place =
        file.empty()
            ? ""
            : fmt::format("file={},line={},", EscapeAnnotation(file, true),
                          LineOfRow(file_text, row));
    text += fmt::format("::error {}title={}::{}\n", place,
                        EscapeAnnotation(title, true),
                        EscapeAnnotation(message, false));
  };
  for (const Finding& f : v.judgement.findings) {
    if (!f.fails) continue;
    add(f.row,
        fmt::format("{} on {}, {}", OperatorOf(f.row), f.row.Label(),
                    f.row.phase),
        f.text);
  }
  for (const HostTime& t : v.host_times) {
    if (t.slower) add(t.row, "host time", HostText(t));
  }
  return text;
}

std::string MarkdownText(const Verdict& v) {
  std::string text = fmt::format("## Triptych gate: {}\n\n{}\n\n",
                                 v.passed() ? "passed" : "FAILED", LastLine(v));
  const auto worst = WorstThree(v.judgement, v.now);
  if (!worst.empty()) text += "### Worst operators\n\n";
  for (size_t i = 0; i < worst.size(); ++i) {
    text += fmt::format("{}. **{}** on {}: {}\n", i + 1, worst[i].row->op,
                        worst[i].row->Label(), worst[i].why);
  }
  const auto& findings = v.judgement.findings;
  if (!findings.empty()) {
    text +=
        "\n### Differences\n\n| | case | target | phase | operator | what "
        "|\n|---|---|---|---|---|---|\n";
  }
  for (size_t i = 0; i < std::min(kShown, findings.size()); ++i) {
    const Finding& f = findings[i];
    text += fmt::format("| {} | {} | {} | {} | {} | {} |\n",
                        f.fails ? "**failed**" : "note", Cell(f.row.case_name),
                        Cell(f.row.Label()), f.row.phase,
                        Cell(OperatorOf(f.row)), Cell(f.text));
  }
  if (findings.size() > kShown) {
    text += fmt::format("\nand {} more\n", findings.size() - kShown);
  }
  if (!v.host_times.empty()) text += "\n### Host time\n\n";
  for (const HostTime& t : v.host_times) text += "- " + HostText(t) + "\n";
  return text + "\n### Targets\n\n" + MarkdownTargets(v.now);
}

}  // namespace triptych::gate
