"""`python docs/pictures.py`: docs/images anew, from a real `make run` in a folder of its own.

The terminal's picture is what was printed, set in a fixed-width font by Chromium.
"""

from __future__ import annotations

import base64
import html
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser.chromium import Browser, Page  # noqa: E402 - the line above makes it importable
from tests.support.processes import PythonProcess  # noqa: E402
from tests.support.waiting import wait_until  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SOURCES = (
    "bthwani_jobs",
    "processors",
    "scheduler",
    "web",
    "launcher",
    "Procfile",
    "setup.cfg",
    ".env.example",
)
WIDTH = 1100
#: The link to the job that processed the order, on the page of completed ones.
PROCESSED_ORDER = (
    "[...document.links].find(link => link.href.includes('/view/job/')"
    " && link.closest('tr').innerText.includes('process-order'))"
)
READY_MS = 120_000
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #15191e; }}
pre {{ margin: 0; padding: 18px 22px; color: #d6dde4; width: max-content;
       font: 14px/1.45 "DejaVu Sans Mono", Menlo, Consolas, monospace; }}
b {{ color: #7fd1a8; }} i {{ color: #8b98a5; font-style: normal; }}
</style><pre>{text}</pre>"""


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    browser = Browser()
    try:
        with running_shop() as (output, url, email, password):
            terminal(browser, output)
            dashboard(browser, url, email, password)
    finally:
        browser.close()


@contextmanager
def running_shop() -> Iterator[tuple[str, str, str, str]]:
    """A shop in a copy of the sources, so that the paths it prints are those of a new clone."""
    folder = Path(tempfile.mkdtemp())
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REDIS_", "RQ_"))}
    shop = PythonProcess(("-m", "launcher", "run"), {**kept, "PYTHONUNBUFFERED": "1"}, folder)
    try:
        wait_until(lambda: "Everything runs" in shop.output(), READY_MS, f"the shop\n{shop.output()}")
        output = shop.output()
        (url,) = re.findall(r"API +(http\S+)", output)
        ((email, password),) = re.findall(r"sign in +(\S+@\S+) +(\S+)", output)
        yield output.partition("Everything runs")[0], url, email, password
        shop.interrupt()
        shop.wait(60_000)
    finally:
        shop.destroy()
        shutil.rmtree(folder)


def terminal(browser: Browser, output: str) -> None:
    lines = [f"$ make run\n{output}".rstrip()]
    text = html.escape("\n".join(lines))
    text = re.sub(r"^(\d\. .*|Bthwani is ready.*|\$ .*)$", r"<b>\1</b>", text, flags=re.MULTILINE)
    text = re.sub(r"(?<=  )(completed|accepted)", r"<b>\1</b>", text)
    page = browser.page()
    page.open("data:text/html;base64," + base64.b64encode(TERMINAL.format(text=text).encode()).decode())
    width, height = page.evaluate("(e => [e.offsetWidth, e.offsetHeight])(document.querySelector('pre'))")
    photograph(page, IMAGES / "terminal.png", width, height)


def dashboard(browser: Browser, url: str, email: str, password: str) -> None:
    page = browser.page()
    page.open(f"{url}/admin/queues/")
    page.type("[name=email]", email)
    page.type("[name=password]", password)
    page.click("form.login button")
    page.wait_for("location.pathname === '/admin/queues/' && document.readyState === 'complete'")
    page.open(f"{url}/admin/queues/0/view/jobs/orders/finished/20/dsc/1")
    page.wait_for(f"!!{PROCESSED_ORDER}")
    page.open(page.evaluate(f"{PROCESSED_ORDER}.href"))
    page.wait_for("document.body.innerText.includes('orderId')")
    photograph(page, IMAGES / "dashboard-ar.png", WIDTH, 900)
    page.click("form[action$=language] button")
    page.wait_for("document.documentElement.lang === 'en'")
    page.open(f"{url}/admin/queues/")
    page.wait_for("document.body.innerText.includes('notifications')")
    photograph(page, IMAGES / "dashboard.png", WIDTH, 420)


def photograph(page: Page, path: Path, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1.5, "mobile": False}
    page._call("Emulation.setDeviceMetricsOverride", **size)
    page.evaluate("document.fonts.ready.then(() => 1)")
    picture = page._call("Page.captureScreenshot", format="png")["data"]
    path.write_bytes(base64.b64decode(picture))


if __name__ == "__main__":
    main()
