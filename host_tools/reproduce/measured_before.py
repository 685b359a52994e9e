"""Claims that an earlier `rram reproduce --json` wrote, on this machine or another."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from host_tools.errors import HostError
from host_tools.reproduce.claim import Claim


def claims_from(files: Iterable[Path], quick: bool, seed: int) -> list[Claim]:
    """The claims in these files. HostError: no such file, another setting, or no claims."""
    found: list[Claim] = []
    for file in files:
        try:
            told = json.loads(file.read_text(encoding="utf-8"))
            found += [Claim(**claim) for claim in told["claims"]]
            setting = bool(told["quick"]), int(told["seed"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise HostError(f"--from: {file}: {error}, expected what rram reproduce --json wrote") from None
        if setting != (quick, seed):
            given, asked = (f"{'--quick' if fast else 'whole'}, seed {number}" for fast, number in
                            (setting, (quick, seed)))  # fmt: skip
            raise HostError(f"--from: {file}: measured {given}, expected {asked}")
    return found
