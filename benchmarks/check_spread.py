"""How much the verdict on a fit depends on which half of the cells judges it: `fit` and `check` over random halves.

    python benchmarks/check_spread.py relaxdata.min.tsv.gz 'addr % 32' '(level + 0.5) * 240 / 32' [HALVES] [SEED]

The file has the columns of akashlevy/RRAM-Relaxation-Master-Model. Prints every half, then mean and standard deviation
beside the published half's figures (the hash that `--cells` uses). Not a test.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from device_models.check.judge import Summary, judge
from device_models.fit.groups import group
from device_models.fit.profile import About, fit_profile
from device_models.measured import read_cells
from device_models.measured.cells import MeasuredCells

COLUMNS = ("addr", "time_s", "r_ohm", "g_S", "gi_S", "range", "timept_s")
ABOUT = About("a-half", "the file given", "not stated", "not stated")


def verdict(cells: MeasuredCells, fitted: np.ndarray, level_uS: str) -> tuple[Summary, Summary, float]:
    """Fit the rows `fitted` (booleans), judge by the others: the fit, the fitted cells, tv over its floor."""
    own, others = cells.where(fitted), cells.where(~fitted)
    result = fit_profile(own, ABOUT, level_uS=level_uS)
    found = judge(result.profile, group(others), group(own))
    return found.model, found.baselines["bootstrap"], found.tv_mean / found.tv_floor


def line(name: str, *texts: str) -> None:
    """Print one row of the table."""
    print(f"{name:<12}", *(f"{text:>15}" for text in texts), flush=True)


def main() -> None:
    """Print the figures of the published half and of every random one, and their mean and deviation."""
    path, target, level_uS = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    halves = int(sys.argv[4]) if len(sys.argv) > 4 else 12
    generator = np.random.Generator(np.random.Philox(key=int(sys.argv[5]) if len(sys.argv) > 5 else 0))
    cells = read_cells([path], columns=COLUMNS, mapping=None, target=target, units=None)
    names, place = np.unique(cells.cell, return_inverse=True)
    published = np.isin(cells.cell, cells.half("a").cell)
    line("half", "ks_ratio", "rejected %", "bootstrap's", "rejected %", "tv / floor")
    rows = []
    for i in range(halves + 1):
        fitted = published if i == 0 else (generator.random(len(names)) < 0.5)[place]
        fit, bootstrap, tv = verdict(cells, fitted, level_uS)
        row = (fit.ks_ratio, fit.rejected_percent, bootstrap.ks_ratio, bootstrap.rejected_percent, tv)
        line("published" if i == 0 else f"random {i}", *(f"{x:.3f}" for x in row))
        rows += [row] if i else []
    mean, sd = np.mean(rows, axis=0), np.std(rows, axis=0, ddof=1)
    line("mean +- sd", *(f"{m:.2f} +- {s:.2f}" for m, s in zip(mean, sd, strict=True)))


if __name__ == "__main__":
    main()
