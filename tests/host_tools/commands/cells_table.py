"""A table of cells for the commands that read one, and how a command is run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from host_tools.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `rram profile ARGUMENTS`."""
    with pytest.raises(SystemExit) as end:
        main(["profile", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a refusal (what was recognised in a table may stand before it), without `rram: `."""
    code, out, err = run(capsys, *arguments)
    *before, line = err.splitlines()
    assert (code, out) == (2, ""), err
    assert line.startswith("rram: ")
    assert all(" rows, " in text for text in before), err
    assert "Traceback" not in err
    return line.removeprefix("rram: ")


def cells_table(folder: Path, name: str = "cells.csv", per_level: int = 150, times: tuple[float, ...] = (0, 100, 1e4),
                move: float = 0.0, levels: int = 4) -> Path:
    """`levels` levels 30 uS apart from 60 uS on, sd 4 uS and 6, 8 later: log-normal; moved by so much."""
    rng = np.random.Generator(np.random.Philox(key=8))
    lines = ["cell,level,time_s,g_uS"]
    for k, time_s in enumerate(times):
        for i in range(levels * per_level):
            target = 60 + 30 * (i % levels)
            sigma = (4 + 2 * k) / target
            g = target * np.exp(sigma * rng.normal() - sigma**2 / 2) + move
            lines.append(f"{i},{i % levels},{time_s:g},{g:.6g}")
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path
