"""Rows of a study: statistics over chips, as JSON and table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from firmware_py.correction import SramCount
from host_tools import console
from host_tools.study.statistics import Asked, summary

PICTURES = (".png", ".pdf", ".svg")
TITLES = {"ideal": "ideal network, digital", "plain": "ideal network on chips, no help",
          "student": "student on chips, nothing else"}  # fmt: skip
USUAL = Asked()


@dataclass(frozen=True)
class Row:
    """Accuracies in per cent over chips; clean: on the unchanged test set, where that is another figure.

    title: for people, where the row's name has none of its own. point: values of the axes that were swept.
    """

    row: str
    values: tuple[float, ...]
    sram: SramCount | None = None
    clean: tuple[float, ...] | None = None
    title: str = ""
    point: Mapping[str, Any] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """For people."""
        return TITLES.get(self.row) or self.title or self.row

    def as_json(self, asked: Asked = USUAL) -> dict[str, Any]:
        """The row's keys of the JSON report."""
        out: dict[str, Any] = {"row": self.row, **({"point": dict(self.point)} if self.point else {})}
        out |= summary(self.values, replace(asked, yield_at=None) if self.row == "ideal" else asked)
        out |= {
            "sram_percent": round(self.sram.percent, 4) if self.sram else 0.0,
            "sram_bytes": self.sram.bytes if self.sram else 0,
        }
        if self.clean is not None:
            out["clean_mean"] = round(float(np.mean(self.clean)), 4)
            out["clean_min"] = round(float(np.min(self.clean)), 4)
        return out


def print_table(title: str, rows: Sequence[Row], asked: Asked = USUAL) -> None:
    """The table for people, in per cent. Columns that no row fills are left out."""
    axes = list(rows[-1].point)
    header = ["", *axes, "mean ± sd", f"{asked.confidence:g} % interval", "lowest",
              f"chips ≥ {asked.yield_at:g} %" if asked.yield_at is not None else "",
              "unchanged", "SRAM"]  # fmt: skip
    lines = [[row.heading, *(_text(row.point.get(axis)) for axis in axes), *_cells(row, asked)] for row in rows]
    used = [i for i in range(len(header)) if any(line[i] for line in lines)]
    console.table(title, [header[i] for i in used], [[line[i] for i in used] for line in lines])


def _cells(row: Row, asked: Asked) -> list[str]:
    r = row.as_json(asked)
    several = len(row.values) > 1
    share = ""
    if "yield_percent" in r:
        share = f"{r['yield_percent']:.1f} % ({r['yield_low']:.0f} to {r['yield_high']:.0f})"
    return [
        f"{r['mean']:.2f}" + (f" ± {r['std']:.2f}" if several else ""),
        f"{r['mean_low']:.2f} to {r['mean_high']:.2f}" if several else "",
        f"{r['min']:.2f}" if row.row != "ideal" else "",
        share,
        f"{r['clean_mean']:.2f}" if "clean_mean" in r else "",
        f"{r['sram_percent']:.2f} %, {r['sram_bytes']:,} B" if row.sram else "",
    ]


def _text(value: Any) -> str:
    return "" if value is None else value if isinstance(value, str) else f"{value:.6g}"
