"""A stack of shell commands, run as a program: `dummy_stack.py FOLDER GRACE_S [store:]NAME=COMMAND …`.

Prints what a real stack prints, and at its end `killed: …`. Exit code 0.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from launcher.output import Output
from launcher.stack import Stack


def main() -> None:
    folder, grace_s, *processes = sys.argv[1:]
    stack = Stack(Output(Path(folder)), grace_s=float(grace_s))
    names = []
    for process in processes:
        name, _, command = process.partition("=")
        kind, _, plain = name.rpartition(":")
        stack.add(plain, command, os.environ, store=kind == "store")
        names.append(plain)
    with stack.signals():
        for name in names:
            stack.start(name)
        stack.run_until(lambda: False)
        stack.stop()
    print(f"killed: {' '.join(stack.killed)}")


if __name__ == "__main__":
    main()
