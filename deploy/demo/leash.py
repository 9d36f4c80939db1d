"""Starts a program that cannot outlive its supervisor: `python -I -S leash.py PARENT PROGRAM ARGUMENT…`.

On Linux the kernel is asked to kill the program when the thread that started it dies, so that a supervisor
that was itself killed leaves nothing behind. It runs between fork and the program instead of in a
`preexec_fn`, which is not safe in a process with threads. Standard library only, for its start counts.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent, then become the program."""
    parent, program = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it died before it could be tied to
            raise SystemExit(1)
    os.execvp(program[0], program)  # noqa: S606 - becoming that program is what this file is for


if __name__ == "__main__":
    main(sys.argv[1:])
