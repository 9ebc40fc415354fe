"""Messages to phones. The file sink stands where a push service would, and needs no account."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from processors.files import digest, write_whole

RIGHT_TO_LEFT_MARK = "\u200f"
STRONG_DIRECTIONS = {"L", "R", "AL"}


@dataclass(frozen=True)
class PushMessage:
    #: the same for each delivery of one message, so that a phone can drop a repeated one
    id: str
    user_id: int
    title: str
    body: str
    data: dict[str, Any]


class Push(Protocol):
    def deliver(self, message: PushMessage) -> None:
        """Hand the message over; may be called again with the same id."""


class FilePush:
    """One JSON file a message."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def deliver(self, message: PushMessage) -> None:
        shown = replace(message, title=for_phone(message.title), body=for_phone(message.body))
        content = json.dumps(asdict(shown), ensure_ascii=False, indent=2).encode()
        write_whole(self.folder / f"{digest(message.id)}.json", content, scratch=self.folder / "drafts")


def for_phone(text: str) -> str:
    """A phone takes the direction from the first letter: Arabic that opens with a Latin word needs a mark."""
    directions = [unicodedata.bidirectional(letter) for letter in text]
    first_strong = next((direction for direction in directions if direction in STRONG_DIRECTIONS), "L")
    return RIGHT_TO_LEFT_MARK + text if first_strong == "L" and "AL" in directions else text
