"""When a chip was programmed: kept beside its SRAM state, so that its age is the time since. The clock is the caller's.

A file `programmed` in the state folder: JSON of the bundle's digest, the chip's seed, and seconds since 1970. A chip
whose folder has none is programmed now.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from firmware_py.container import parse_json
from firmware_py.errors import RramError
from firmware_py.state import StateHeader, locked, replace_file

FILE = "programmed"
MOST_BYTES = 4096


def age_by_clock(folder: str | Path, chip: StateHeader, now_s: float) -> float:
    """Seconds since the chip was programmed, at `now_s` (seconds since 1970).

    RramError: the file is damaged or another chip's, or the clock is before it.
    """
    root = Path(folder)
    path = root / FILE
    mine = {"bundle": chip.digest, "chip_seed": chip.seed}
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locked(root) as folder_fd:
            if not path.exists():
                replace_file(path, json.dumps({**mine, "unix_s": now_s}).encode(), folder_fd)
            found = _read(path)
    except OSError as error:
        raise RramError(f"clock: {path}: {error.strerror}") from error
    if {key: found.get(key) for key in mine} != mine:
        raise RramError(f"clock: {path} belongs to another bundle or chip; give another --state, or --age SECONDS")
    since = float(found["unix_s"])
    if since > now_s:
        raise RramError(f"clock: {path} is {since - now_s:.0f} s later than this board's clock; set it, or give --age")
    return now_s - since


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            found = parse_json(file.read(MOST_BYTES).decode())
        if isinstance(found, dict) and type(found.get("unix_s")) in (int, float) and 0 <= found["unix_s"] < 1e12:
            return found
    except ValueError:
        pass
    raise RramError(f"clock: {path} is damaged; remove it to begin anew, or give --age SECONDS")
