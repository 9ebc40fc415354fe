"""One headless Chromium a page: what the page has become."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

#: Names under which distributions and vendors install it; CHROMIUM names another.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
#: How far the page's own clock runs: two polls of the dashboard.
VIRTUAL_MS = 6000
LONGEST_SECONDS = 50


class NoChromium(RuntimeError):
    """No browser was found to test with."""


def document_of(url: str) -> str:
    """The HTML of the page after its scripts have run."""
    return _run(f"--virtual-time-budget={VIRTUAL_MS}", "--dump-dom", url)


def _run(*arguments: str) -> str:
    with _profile() as profile:
        finished = subprocess.run(
            [_binary(), *FLAGS, f"--user-data-dir={profile}", *arguments],
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=True,
        )
    return finished.stdout


@contextmanager
def _profile() -> Iterator[str]:
    directory = tempfile.mkdtemp(prefix="chromium-")
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _binary() -> str:
    names = (os.environ["CHROMIUM"],) if os.environ.get("CHROMIUM") else NAMES
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise NoChromium(
        f"Found none of {', '.join(names)}. Install Chromium, or set CHROMIUM to the path of its binary."
    )
