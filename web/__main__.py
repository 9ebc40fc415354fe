"""``python -m web``: the application under waitress, on HOST and PORT."""

from __future__ import annotations

import logging
import os
import signal
import sys

import waitress

from processors.settings import InvalidSettings, Settings
from web.app import create_app

THREADS = 8


def main() -> int:
    """Serve until interrupted. Exit code 2: it cannot start, and stderr says why."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.from_env(os.environ)
        app = create_app(settings)
    except InvalidSettings as error:
        return _refused(str(error))
    try:
        server = waitress.create_server(app, host=settings.host, port=settings.port, threads=THREADS)
    except (OSError, ValueError) as error:  # ValueError: what waitress makes of an unknown host
        return _refused(
            f"Port {settings.port} of {settings.host} cannot be listened on ({error}). Set PORT to a free "
            "one and HOST to an address of this machine, or to 0.0.0.0 for all of them."
        )
    signal.signal(signal.SIGTERM, _interrupt)
    server.run()
    return 0


def _refused(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 2


def _interrupt(_signal: int, _frame: object) -> None:
    """SIGTERM ends the server as Ctrl-C does: waitress lets running requests finish."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
