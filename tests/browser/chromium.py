"""A headless Chromium, driven through its DevTools pipe: real pages and real clicks."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from typing import Any

from tests.support.waiting import wait_until

#: Names under which distributions and vendors install it; the variable CHROMIUM names another.
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
    "--remote-debugging-pipe",
)
LONGEST_ANSWER_S = 30.0

#: Chromium reads commands from descriptor 3 and writes answers to descriptor 4.
_AS_3_AND_4 = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(number), fcntl.F_DUPFD, 64) for number in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class NoChromium(RuntimeError):
    """No browser was found to test with."""


class Browser:
    """One browser process with a fresh profile."""

    def __init__(self) -> None:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        commands, self._out = os.pipe()
        self._in, answers = os.pipe()
        shim = [sys.executable, "-c", _AS_3_AND_4, str(commands), str(answers)]
        self._process = subprocess.Popen(
            [*shim, _binary(), *FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            pass_fds=(commands, answers),
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._buffer = b""
        self._last_id = 0
        #: (session, method, parameters) of what happened since the last look
        self.events: list[tuple[str | None, str, dict[str, Any]]] = []

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send one DevTools command and return its result."""
        self._last_id += 1
        command: dict[str, Any] = {"id": self._last_id, "method": method, "params": parameters}
        if session is not None:
            command["sessionId"] = session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self._last_id:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            if "method" in message:
                self.events.append((message.get("sessionId"), message["method"], message["params"]))

    def page(self) -> Page:
        """A new tab without cookies of any other."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, context)

    def close(self) -> None:
        """End the process and remove its profile."""
        try:
            self.call("Browser.close")
            self._process.wait(10)
        except (RuntimeError, OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._out)
        os.close(self._in)
        shutil.rmtree(self._profile, ignore_errors=True)

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + LONGEST_ANSWER_S
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            received = os.read(self._in, 1 << 20) if ready else b""
            if not received:
                raise RuntimeError(f"Chromium gave no answer in {LONGEST_ANSWER_S:.0f} s.")
            self._buffer += received
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message


class Page:
    """One tab."""

    def __init__(self, browser: Browser, session: str, context: str) -> None:
        self._browser, self._session, self._context = browser, session, context
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go there and wait until the page and its scripts have loaded."""
        self.evaluate("window.isBefore = true")
        self._call("Page.navigate", url=url)
        self.wait_for("!window.isBefore && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, or of its promise. Raises RuntimeError with its exception."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, condition: str, within_ms: float = 15_000) -> None:
        """Wait until a JavaScript expression is true."""
        wait_until(lambda: self._holds(condition), within_ms, condition)

    def click(self, selector: str) -> None:
        """Press the element's own middle, as a finger does."""
        box = self.evaluate(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView();"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    def type(self, selector: str, text: str) -> None:
        self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        self._call("Input.insertText", text=text)

    def text(self) -> str:
        """What a reader sees, without what is inside templates."""
        return str(self.evaluate("document.body.innerText"))

    def complaints(self) -> list[str]:
        """Everything that the console has been told in this tab: errors, exceptions, refused loads."""
        self.evaluate("1")  # takes up what is still on its way
        told = []
        for session, method, parameters in self._browser.events:
            if session == self._session and method == "Log.entryAdded":
                told.append(f"{parameters['entry']['level']}: {parameters['entry']['text']}")
            if session == self._session and method == "Runtime.exceptionThrown":
                told.append(str(parameters["exceptionDetails"]))
        return told

    def close(self) -> None:
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.evaluate(f"!!({condition})"))
        except RuntimeError:  # between two documents
            return False

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)


def _binary() -> str:
    names = (os.environ["CHROMIUM"],) if os.environ.get("CHROMIUM") else NAMES
    for name in names:
        found = shutil.which(name)
        if found:
            return found
    raise NoChromium(
        f"Found none of {', '.join(names)}. Install Chromium, or set CHROMIUM to the path of its binary."
    )
