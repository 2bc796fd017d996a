// What a gate says, for a terminal, for CI and for the page of a pull request.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_GATE_REPORT_H_
#define TRIPTYCH_TOOLS_GATE_REPORT_H_

#include <string>
#include <string_view>
#include <vector>

#include "tools/gate/judge.h"
#include "tools/gate/results.h"

namespace triptych::gate {

// All that there is to tell of one gate.
struct Verdict {
  const Results& now;
  Judgement judgement;
  std::vector<HostTime> host_times;  // of old and new builds; often none

  bool passed() const;
};

// A table of the findings, the worst operators, and a last line "gate: ...".
std::string TerminalText(const Verdict& verdict);

// JUnit's XML: a suite a target, a case a row; `name` is the whole's.
std::string JunitText(const Verdict& verdict, std::string_view name);

// A line of GitHub's workflow commands for each finding that fails, at the
// row's line of the baseline's text where there is one.
std::string AnnotationsText(const Verdict& verdict, std::string_view file,
                            std::string_view file_text);

// Markdown for a summary: what failed, the three worst operators, and the
// accuracy and cost of every target.
std::string MarkdownText(const Verdict& verdict);

// A message or a property of a workflow command, as they have to be written.
std::string EscapeAnnotation(std::string_view text, bool property);

}  // namespace triptych::gate

#endif  // TRIPTYCH_TOOLS_GATE_REPORT_H_
