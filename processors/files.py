"""Files that are whole or absent: written aside, then moved into place."""

from __future__ import annotations

import hashlib
import os
import time
import uuid
from pathlib import Path


def write_whole(path: Path, content: bytes, *, scratch: Path) -> None:
    """Readers see the old file or the new one, also when the process dies midway.

    `scratch` is a folder of the same file system; what a killed process leaves there is rubbish.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = scratch / f"{path.name}.{uuid.uuid4().hex}"
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def digest(*parts: str) -> str:
    """A short name, safe in file names and mail headers, the same for the same parts."""
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:20]


def remove_older(folder: Path, seconds: int) -> tuple[int, int]:
    """Delete the files of a folder last written that long ago. Returns how many, and their bytes."""
    oldest = time.time() - seconds
    removed = freed = 0
    for path in folder.glob("*"):
        try:
            facts = path.lstat()
            if facts.st_mtime >= oldest or path.is_dir():
                continue
            path.unlink()
        except FileNotFoundError:
            continue  # another cleaner was faster
        removed += 1
        freed += facts.st_size
    return removed, freed
