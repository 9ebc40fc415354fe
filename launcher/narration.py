"""How the demonstration is told on a terminal."""

from __future__ import annotations

import sys
from typing import TextIO

from launcher.api import Answer
from launcher.watching import JobSeen


class Narration:
    """Headings in both languages, one line for each thing that happens."""

    def __init__(self, output: TextIO = sys.stdout) -> None:
        self._output = output
        self._chapter = 0

    def chapter(self, english: str, arabic: str) -> None:
        self._chapter += 1
        self.say(f"\n{self._chapter}. {english}  ·  {arabic}")

    def request(self, method: str, path: str, answer: Answer, meaning: str) -> None:
        self.say(f"   {method + ' ' + path:<28} {answer.status}  in {answer.took_ms:>6.0f} ms   {meaning}")

    def ended(self, job: JobSeen) -> None:
        waited = (job.started_ms or job.added_ms) - job.added_ms
        times = f"waited {waited:>5} ms, ran {job.run_ms:>5} ms"
        self.detail(f"{job.state:<10} {job.ref!s:<40} {times}{_reason(job)}")

    def fact(self, text: str) -> None:
        self.say(f"   {text}")

    def detail(self, text: str) -> None:
        self.say(f"     {text}")

    def say(self, text: str) -> None:
        print(text, file=self._output, flush=True)


def _reason(job: JobSeen) -> str:
    return f"  ({job.body['failedReason']})" if job.state == "failed" else ""
