"""Figure of wire resistance: how much of the driver's voltage each cell sees, and what the fast form gets wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES = {"no wires": "o-", "attenuation": "s--", "attenuation + sneak paths": "^:"}


def wires_figure(cell_V: npt.NDArray[np.float64], sizes: list[dict[str, Any]], title: str, wire: str) -> Figure:
    """Two panels: voltage over each cell [rows, cols] for 1 V on all word lines; error [%] against size, by method.

    `sizes`: one dict a size with `size` and `errors` {method: per cent}; `wire` names the resistance, with its unit.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 4.0), dpi=100, layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    _voltages(left, cell_V, wire)
    _errors(right, sizes, wire)
    figure.suptitle(title, fontsize=11)
    return figure


def _voltages(axes: Axes, cell_V: npt.NDArray[np.float64], wire: str) -> None:
    from scipy.ndimage import gaussian_filter

    low, high = float(cell_V.min()), float(cell_V.max())
    rows, cols = cell_V.shape
    image = axes.imshow(cell_V, cmap="viridis", vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    figure = axes.figure
    figure.colorbar(image, ax=axes, label="voltage over the cell (V), 1 V on every row")
    if high > low:  # smoothed: each line's own current would leave a fringe on every contour
        smooth = gaussian_filter(cell_V, (rows / 20, cols / 20), mode="nearest")
        lines = axes.contour(smooth, levels=5, colors="white", linewidths=0.8)
        axes.clabel(lines, fontsize=7, fmt="%.2f")
    axes.set_xlabel("bit line (column); driven from the left")
    axes.set_ylabel("word line (row); sensed below")
    axes.set_title(f"{rows} x {cols} cells, {wire}", fontsize=9)


def _errors(axes: Axes, sizes: list[dict[str, Any]], wire: str) -> None:
    for method, style in STYLES.items():
        points = [(row["size"], row["errors"][method]) for row in sizes if row["errors"][method] > 0]
        if points:
            axes.loglog(*zip(*points, strict=True), style, label=method, color="black", markersize=5, linewidth=1)
    ticks = [row["size"] for row in sizes]
    axes.set_xticks(ticks, [str(size) for size in ticks])
    axes.minorticks_off()
    axes.set_xlabel(f"rows = columns of the array, {wire}")
    axes.set_ylabel("error of the column currents (%)")
    axes.grid(alpha=0.3)
    if axes.lines:  # perfect wires: nothing is wrong, and nothing is drawn
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** 0.4)  # room for the legend
        axes.legend(fontsize=8, title="against the exact solution", title_fontsize=8, loc="upper left")
