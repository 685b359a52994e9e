"""Figure of programming: the levels before and after an algorithm, and what precision costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Array = npt.NDArray[np.float64]


def program_figure(algorithm: str, levels_uS: Array, before_uS: Array | None, written_uS: Array,
                   relaxed_uS: Array | None, relax_s: float, trade: list[dict[str, Any]]) -> Figure:
    """Left: distribution functions of the levels [L] from cells [L, n]; right, where `trade` has rows: what it costs.

    `before_uS`: one attempt without verify; `relaxed_uS`: `relax_s` later; either may be None. Rows of `trade`:
    tolerance_uS, sd_uS, pulses.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.2) if trade else (6.4, 4.2), dpi=100, layout="constrained")
    axes = figure.subplots(1, 2 if trade else 1, squeeze=False, width_ratios=[1.3, 1] if trade else None)[0]
    _levels(axes[0], levels_uS, before_uS, written_uS, relaxed_uS, relax_s)
    if trade:
        _trade(axes[1], trade)
    figure.suptitle(_finding(algorithm, before_uS, written_uS, relaxed_uS, relax_s), fontsize=11)
    return figure


def _finding(algorithm: str, before: Array | None, written: Array, relaxed: Array | None, relax_s: float) -> str:
    parts = [f"{algorithm}: sd {_sd(written):.2g} uS"]
    if before is not None:
        parts.append(f"one attempt without verify {_sd(before):.2g} uS")
    if relaxed is not None:
        parts.append(f"after {relax_s:g} s {_sd(relaxed):.2g} uS")
    return "; ".join(parts)


def _sd(cells: Array) -> float:
    return float((cells.std(axis=1) ** 2).mean() ** 0.5)


def _levels(axes: Axes, levels: Array, before: Array | None, written: Array, relaxed: Array | None,
            relax_s: float) -> None:
    import numpy as np

    drawn = [(before, "one attempt, no verify", ":", "0.45"), (written, "written", "-", "black"),
             (relaxed, f"after {relax_s:g} s", "--", "tab:red")]
    for cells, label, style, colour in drawn:
        if cells is None:
            continue
        share = (np.arange(cells.shape[1]) + 0.5) / cells.shape[1]
        for i, row in enumerate(cells):
            axes.plot(np.sort(row), 100 * share, style, color=colour, linewidth=1.1, label=label if i == 0 else None)
    for level in levels:
        axes.axvline(float(level), color="0.85", linewidth=0.8, zorder=0)
    last = written if relaxed is None else relaxed
    low, high = min(np.quantile(last[0], 0.002), levels[0]), max(np.quantile(last[-1], 0.998), levels[-1])
    axes.set_xlim(low - 0.03 * (high - low), high + 0.03 * (high - low))  # the few far off squeeze the others
    axes.set_xlabel("conductance (uS); grey lines: targets")
    axes.set_ylabel("cells at or below (%)")
    axes.set_ylim(0, 100)
    axes.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)


def _trade(axes: Axes, trade: list[dict[str, Any]]) -> None:
    rows = sorted(trade, key=lambda row: float(row["tolerance_uS"]))
    tolerance = [row["tolerance_uS"] for row in rows]
    lines = axes.loglog(tolerance, [row["sd_uS"] for row in rows], "o-", color="black", markersize=5)
    names, shown = ["sd (left)"], ["sd_uS"]
    if rows[0].get("relaxed_sd_uS") is not None:
        lines += axes.loglog(tolerance, [row["relaxed_sd_uS"] for row in rows], "^:", color="tab:red", markersize=5)
        names.append("sd, relaxed (left)")
        shown.append("relaxed_sd_uS")
    axes.set_xlabel("tolerance (uS)")
    axes.set_ylabel("sd of the written cells (uS)")
    cost = axes.twinx()
    pulses = cost.loglog(tolerance, [row["pulses"] for row in rows], "s--", color="tab:blue", markersize=5)
    cost.set_ylabel("mean pulses of a cell")
    axes.set_xticks(tolerance, [f"{value:g}" for value in tolerance])
    axes.minorticks_off()
    for each, keys in ((axes, shown), (cost, ["pulses"])):
        values = _apart(sorted({float(f"{row[key]:.2g}") for row in rows for key in keys}))
        each.set_yticks(values, [f"{value:g}" for value in values])
        each.minorticks_off()
    axes.legend([*lines, *pulses], [*names, "pulses (right)"], fontsize=8, loc="lower left", bbox_to_anchor=(0, 1),
                ncols=3, frameon=False, columnspacing=1)


def _apart(values: list[float]) -> list[float]:
    """Tick values that do not write over one another on a logarithmic axis."""
    kept = values[:1]
    for value in values[1:]:
        if value > kept[-1] * (values[-1] / values[0]) ** 0.06:
            kept.append(value)
    return kept
