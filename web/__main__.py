"""``python -m web``: the application under waitress, on PORT."""

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
    """Serve until interrupted. Exit code 2: the settings cannot be used, and the reason is on stderr."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = Settings.from_env(os.environ)
        app = create_app(settings)
    except InvalidSettings as error:
        print(error, file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    waitress.serve(app, listen=f"*:{settings.port}", threads=THREADS, clear_untrusted_proxy_headers=True)
    return 0


def _interrupt(_signal: int, _frame: object) -> None:
    """SIGTERM ends the server as Ctrl-C does: waitress lets running requests finish."""
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
