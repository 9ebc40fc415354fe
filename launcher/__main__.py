"""`python -m launcher run|demo`. This file must parse and run on any Python 3, to say what is missing."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import time

NEEDED = ("flask", "honcho", "marshmallow", "redis", "rq", "sqlalchemy")
#: What a shell reports of a program that Ctrl-C ended.
INTERRUPTED = 130


def fault():
    # type: () -> str | None
    """What keeps the launcher from starting at all, with its remedy; None: nothing."""
    if sys.platform == "win32":
        return "This does not run on Windows itself. Run it in WSL (https://learn.microsoft.com/windows/wsl)."
    if sys.version_info < (3, 11):
        version = ".".join(str(part) for part in sys.version_info[:3])
        return (
            "This needs Python 3.11 or newer; this is Python " + version + " (" + sys.executable + "). "
            "Run `make run`, which looks for a newer one, or name it: make run PYTHON=/path/to/python3.11"
        )
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        return (
            "These packages are missing: " + ", ".join(missing) + ". "
            "Run `make run`; or `make install`, then `.venv/bin/python -m launcher run`."
        )
    return None


def main(arguments):
    # type: (list[str]) -> str | int
    """What to exit with. Ctrl-C while the imports still run ends it as quietly as later on."""
    began = time.monotonic()
    try:
        problem = fault()
        if problem is not None:
            return problem
        # Imported here and not above: it needs the Python and the packages that were just looked for.
        return importlib.import_module("launcher.command").main(arguments, began)
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
