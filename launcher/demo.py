"""`python -m launcher.demo`: one customer's way through a running shop, for a person to follow.

Exit code 0 if all of it happened and, with `--report`, could be read back.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import redis

from launcher.api import Api, ApiProblem
from launcher.checks import Check, ReadBack, report, settled
from launcher.journey import Journey, Seen
from launcher.narration import Narration
from launcher.paths import shown
from launcher.watching import TooLate

SETTLES_WITHIN_S = 30.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m launcher.demo")
    parser.add_argument("--url", required=True, help="the shop's own address")
    parser.add_argument("--report", type=Path, help="read everything back and write here what was found")
    chosen = parser.parse_args()
    tell = Narration()
    journey = Journey(Api(chosen.url), os.environ["RQ_REDIS_URL"], tell)
    try:
        admin = journey.sign_in(os.environ["ADMIN_EMAIL"], os.environ["ADMIN_PASSWORD"])
        seen, customer = journey.travel(admin)
        _show_results(tell, customer, seen, chosen.url)
        if chosen.report is None:
            return 0
        checks = _read_back(customer, seen)
    except (ApiProblem, TooLate) as problem:
        tell.say(f"\nThe demonstration stops here: {problem}")
        return 1
    _write(tell, chosen.report, checks, seen)
    return 0 if all(check.true for check in checks) else 1


def _show_results(tell: Narration, customer: Api, seen: Seen, url: str) -> None:
    tell.chapter("What it left", "النتائج")
    outcome = customer.get(f"/orders/{seen.order['id']}")["outcome"]
    tell.fact(f"invoice    {shown(Path(outcome['invoice']['file']))}")
    tell.fact(f"mail       {shown(Path(outcome['emails'][0]['file']))}")
    tell.fact(f"dashboard  {url}/admin/queues   {os.environ['ADMIN_EMAIL']}   {os.environ['ADMIN_PASSWORD']}")
    tell.say("")


def _read_back(customer: Api, seen: Seen) -> list[Check]:
    _wait_until_settled(customer)
    client = redis.Redis.from_url(os.environ["RQ_REDIS_URL"])
    try:
        return ReadBack(
            seen,
            customer=customer,
            data_dir=Path(os.environ["DATA_DIR"]),
            client=client,
            prefix=os.environ.get("RQ_KEY_PREFIX", "rq"),
        ).all()
    finally:
        client.close()


def _wait_until_settled(customer: Api) -> None:
    is_settled, deadline = settled(customer), time.monotonic() + SETTLES_WITHIN_S
    while not is_settled():
        if time.monotonic() > deadline:
            raise TooLate(f"Jobs still wait or run after {SETTLES_WITHIN_S:.0f} s.")
        time.sleep(0.05)


def _write(tell: Narration, path: Path, checks: list[Check], seen: Seen) -> None:
    path.write_text(json.dumps(report(checks, seen), ensure_ascii=False, indent=2) + "\n")
    wrong = [check for check in checks if not check.true]
    for check in wrong:
        tell.fact(f"NOT TRUE: {check.claim}: {check.found}")
    right = f"{len(checks) - len(wrong)} of {len(checks)} results were read back and are right"
    tell.fact(f"{right}; all of them in {shown(path)}")
    tell.say("")


if __name__ == "__main__":
    sys.exit(main())
