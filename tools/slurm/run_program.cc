// SPDX-License-Identifier: Apache-2.0
#include "tools/slurm/run_program.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "kernels/base/check.h"

extern char** environ;

namespace triptych::slurm {
namespace {

// Both ends are closed in programs started later; the child's is duplicated.
struct Pipe {
  Pipe() { TRIPTYCH_CHECK(::pipe2(ends, O_CLOEXEC) == 0, "errno", errno); }
  ~Pipe() {
    CloseWriter();
    ::close(ends[0]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void CloseWriter() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  int ends[2];
};

// Reads both until both are closed: a program may fill either first.
void Drain(const Pipe& out, const Pipe& errors, ProgramOutput& into) {
  std::array<pollfd, 2> open = {pollfd{out.ends[0], POLLIN, 0},
                                pollfd{errors.ends[0], POLLIN, 0}};
  const std::array<std::string*, 2> texts = {&into.out, &into.errors};
  std::array<char, 4096> buffer;
  while (open[0].fd >= 0 || open[1].fd >= 0) {
    if (::poll(open.data(), open.size(), -1) < 0) continue;  // a signal
    for (size_t i = 0; i < open.size(); ++i) {
      if (open[i].fd < 0 || open[i].revents == 0) continue;
      const ssize_t got = ::read(open[i].fd, buffer.data(), buffer.size());
      if (got > 0) texts[i]->append(buffer.data(), static_cast<size_t>(got));
      if (got == 0 || (got < 0 && errno != EINTR)) open[i].fd = -1;
    }
  }
}

// posix_spawnp's result: 0 or what went wrong.
int Start(const std::vector<std::string>& argv, const Pipe& out,
          const Pipe& errors, pid_t& pid) {
  std::vector<char*> words;
  for (const std::string& word : argv) {
    words.push_back(const_cast<char*>(word.c_str()));
  }
  words.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY,
                                   0);
  posix_spawn_file_actions_adddup2(&files, out.ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, errors.ends[1], STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  const int failed = ::posix_spawnp(&pid, words[0], &files, &attributes,
                                    words.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return failed;
}

}  // namespace

Result<ProgramOutput> RunProgram(const std::vector<std::string>& argv) {
  TRIPTYCH_CHECK(!argv.empty());
  Pipe out, errors;
  pid_t pid = 0;
  if (const int failed = Start(argv, out, errors, pid); failed != 0) {
    return MakeError(ErrorCode::kNotFound,
                     argv[0] + ": cannot be run: " + std::strerror(failed));
  }
  out.CloseWriter();
  errors.CloseWriter();
  ProgramOutput result;
  Drain(out, errors, result);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  result.status =
      WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

}  // namespace triptych::slurm
