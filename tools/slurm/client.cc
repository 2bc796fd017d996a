// SPDX-License-Identifier: Apache-2.0
#include "tools/slurm/client.h"

#include <fmt/format.h>

#include <charconv>
#include <ranges>
#include <string_view>

namespace triptych::slurm {
namespace {

std::string_view Trimmed(std::string_view text) {
  while (text.ends_with('\n') || text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// One line of squeue; false for what is not a task of an array.
bool ParseTask(std::string_view line, QueuedTask& into) {
  std::vector<std::string> cells;
  for (const auto cell : std::views::split(line, '|')) {
    cells.emplace_back(cell.begin(), cell.end());
  }
  if (cells.size() != 4) return false;
  const std::string& index = cells[1];
  const auto [end, failed] =
      std::from_chars(index.data(), index.data() + index.size(), into.task);
  into.job = cells[0];
  into.state = cells[2];
  into.reason = cells[3];
  return failed == std::errc() && end == index.data() + index.size();
}

}  // namespace

bool QueuedTask::stuck() const {
  return reason.find("launch failed requeued held") != std::string::npos ||
         reason == "JobHoldMaxRequeue";
}

Result<std::string> Client::Run(const std::vector<std::string>& argv) const {
  TRIPTYCH_ASSIGN(ProgramOutput output, run_(argv));
  if (output.status == 0) return std::move(output.out);
  return MakeError(ErrorCode::kIo,
                   fmt::format("{}: exit status {}: {}", argv[0], output.status,
                               Trimmed(output.errors)));
}

Result<std::vector<QueuedTask>> Client::Queue(const std::string& name) const {
  TRIPTYCH_ASSIGN(const std::string out,
                  Run({"squeue", "--me", "--name=" + name, "--array",
                       "--noheader", "--format=%F|%K|%T|%r"}));
  std::vector<QueuedTask> tasks;
  for (const auto line : std::views::split(out, '\n')) {
    QueuedTask task;
    if (ParseTask(Trimmed(std::string_view(line)), task)) {
      tasks.push_back(std::move(task));
    }
  }
  return tasks;
}

Result<std::string> Client::Submit(const std::string& script,
                                   std::span<const int> tasks) const {
  TRIPTYCH_ASSIGN(
      const std::string out,
      Run({"sbatch", "--parsable", "--array=" + ArraySpec(tasks), script}));
  // "1234", or "1234;cluster" where there are several.
  const std::string_view job = Trimmed(out);
  return std::string(job.substr(0, job.find(';')));
}

Status Client::Cancel(const QueuedTask& task) const {
  TRIPTYCH_TRY(Run({"scancel", fmt::format("{}_{}", task.job, task.task)}));
  return {};
}

std::string ArraySpec(std::span<const int> tasks) {
  std::string spec;
  for (size_t i = 0; i < tasks.size();) {
    size_t last = i;
    while (last + 1 < tasks.size() && tasks[last + 1] == tasks[last] + 1) {
      ++last;
    }
    if (!spec.empty()) spec += ',';
    spec += std::to_string(tasks[i]);
    if (last > i) spec += '-' + std::to_string(tasks[last]);
    i = last + 1;
  }
  return spec;
}

}  // namespace triptych::slurm
