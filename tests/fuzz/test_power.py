"""Kills and power cuts, a few in every test run; a thousand, and every bit of a larger file: docs/robustness.md."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.cuts import cuts
from tests.fuzz.kills import kills


def test_kill_9_while_a_chip_learns_and_saves(tmp_path: Path) -> None:
    counts = kills(15, 1, tmp_path)
    assert counts["saves"] > 0
    assert counts["while learning"] + counts["while saving"] > 0, counts


def test_cuts_and_flipped_bits_all_over_a_small_state(tmp_path: Path) -> None:
    counts = cuts(tmp_path, size=1, stride=7)
    size = (tmp_path / "state.a").stat().st_size
    cut, bits = 2 * -(-size // 7), 2 * -(-8 * size // 7)
    assert counts == {"cut off": cut, "zeros from there": cut, "old from there": cut, "a bit flipped": bits}
