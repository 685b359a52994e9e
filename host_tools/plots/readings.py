"""Accuracy of every chip under each reading of one spread, one strip a reading."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from host_tools.study.readings import ReadingResult

MARKERS = "os^Dvx"
COLOURS = ("#1f4e79", "#b5541c", "#3b7d3b", "#7a3b8f", "#555555", "#a08000")


def figure(found: Sequence[ReadingResult], title: str) -> Figure:
    """Dots are chips, bars means; on/off ratios lie beside one another in a strip."""
    import numpy as np
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(one.reading for one in found))
    ratios = list(dict.fromkeys(one.on_off_ratio for one in found))
    fig = Figure(figsize=(9, 0.75 * len(names) + 1.6), layout="constrained")
    axes = fig.subplots()
    height = 0.8 / len(ratios)
    for one in found:
        k = ratios.index(one.on_off_ratio)
        y = names.index(one.reading) - 0.4 + height * (k + 0.5)
        jitter = np.linspace(-0.3, 0.3, len(one.values)) * height if len(one.values) > 1 else np.zeros(1)
        label = f"G_max / G_min {one.on_off_ratio:g}" if math.isfinite(one.on_off_ratio) else "G_min = 0"
        axes.plot(one.values, y + jitter, MARKERS[k % 6], ms=3.5, mfc="none", mec=COLOURS[k % 6],
                  label=label if one.reading == names[0] else None)
        mean = float(np.mean(one.values))
        axes.plot([mean, mean], [y - height / 2, y + height / 2], "-", color="black", lw=2)
    axes.set_yticks(range(len(names)), [_wrapped(found, name) for name in names], fontsize=8)
    axes.set(ylim=(len(names) - 0.45, -0.55), xlim=(0, 101), xlabel=f"test accuracy in per cent\n{title}")
    axes.grid(axis="x", alpha=0.3)
    axes.legend(fontsize=8, loc="lower left")
    means = [float(np.mean(one.values)) for one in found]
    fig.suptitle(f"One sentence, {len(names)} readings: {min(means):.0f} to {max(means):.0f} % on chips", fontsize=10)
    return fig


def _wrapped(found: Sequence[ReadingResult], name: str) -> str:
    import textwrap

    meaning = next(one.meaning for one in found if one.reading == name)
    return name + "\n" + textwrap.fill(meaning, 34)
