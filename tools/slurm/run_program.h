// Other programs, run and listened to.
// SPDX-License-Identifier: Apache-2.0
#ifndef TRIPTYCH_TOOLS_SLURM_RUN_PROGRAM_H_
#define TRIPTYCH_TOOLS_SLURM_RUN_PROGRAM_H_

#include <functional>
#include <string>
#include <vector>

#include "kernels/base/result.h"

namespace triptych::slurm {

struct ProgramOutput {
  int status = 0;           // exit status; 128 and the number for a signal
  std::string out, errors;  // what it wrote on stdout and stderr
};

// Runs argv[0], found in $PATH, with nothing on its stdin, to its end. Errors:
// a program that cannot be started.
using Runner =
    std::function<Result<ProgramOutput>(const std::vector<std::string>& argv)>;

// The real one. The program gets a process group of its own, so that Ctrl-C
// does not cut it off half-way. Blocks; thread-safe.
Result<ProgramOutput> RunProgram(const std::vector<std::string>& argv);

}  // namespace triptych::slurm

#endif  // TRIPTYCH_TOOLS_SLURM_RUN_PROGRAM_H_
