# SPDX-License-Identifier: Apache-2.0
"""What the Python tests of the command line have in common: cases are
functions that raise, and their names are what is printed of them."""
import subprocess


def run(cases, *arguments):
    """Calls every case with `arguments`, prints a line for each and
    'N passed, N failed'; the exit status: 1 if any failed."""
    failed = 0
    for case in cases:
        try:
            case(*arguments)
            print(f"ok      {case.__name__}")
        except (AssertionError, KeyError, ValueError,
                subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"FAILED  {case.__name__}: {error!r}")
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0
