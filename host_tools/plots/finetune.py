"""Figures of the fine-tuning: chips by method, and strategies against the technology."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from host_tools.finetune.methods import Result

PICTURES = (".png", ".svg", ".pdf")
STYLES = {"untouched": ("x", ":", "0.6"), "rvw-gains-biases": ("D", "--", "tab:brown"),
          "gains-biases": ("v", ":", "tab:olive"), "last-layer": ("^", ":", "tab:cyan"),
          "sign-only": ("+", "-.", "tab:red"), "all-labels": ("s", "-.", "tab:orange"),
          "all-kd": ("P", "--", "tab:purple"), "layer-by-layer": ("o", "-", "black"),
          "layer-by-layer-kd": ("*", "-", "tab:blue")}  # fmt: skip
WORDS = {"rewrites_per_cell": "rewrites a cell", "levels": "levels of a cell",
         "spread": "spread of all writes, sd / mean", "on_off_ratio": "G_max / G_min",
         "write_noise": "spread of rewrites alone, sd / mean"}  # fmt: skip


def chips_figure(results: list[Result], ideal: float) -> Figure:
    """Every chip of every method: accuracy in per cent."""
    from matplotlib.figure import Figure

    methods = list(dict.fromkeys(r.method for r in results))
    figure = Figure(figsize=(6.8, 4.0), dpi=100, layout="constrained")
    axes = figure.subplots()
    for i, method in enumerate(methods):
        values = [r.accuracy for r in results if r.method == method]
        offsets = [0.3 * (k / max(len(values) - 1, 1) - 0.5) for k in range(len(values))]
        axes.plot([i + o for o in offsets], values, "o", color="black", fillstyle="none", markersize=4)
        axes.plot([i - 0.25, i + 0.25], 2 * [_mean(results, method)], "-", color="tab:blue")
    axes.axhline(ideal, linestyle="--", color="0.5", label=f"ideal {ideal:.2f} %")
    writes = {m: next(r.writes for r in results if r.method == m) for m in methods}
    axes.set_xticks(range(len(methods)), [f"{m}\n{writes[m]:.2f} writes/cell" for m in methods], fontsize=8)
    axes.set_ylabel("accuracy on a chip / %")
    axes.legend(fontsize=8)
    means = ", ".join(f"{name} {_mean(results, method):.2f} %" for method, name in
                      (("fine-tuned", "fine-tuned"), ("vat", "VAT")) if method in methods)  # fmt: skip
    axes.set_title(f"Mean of the chips: {means}; ideal network {ideal:.2f} %", fontsize=10)
    return figure


def _mean(results: list[Result], method: str) -> float:
    values = [r.accuracy for r in results if r.method == method]
    return sum(values) / len(values)


def study_figure(found: dict[str, Any]) -> Figure:
    """One panel an axis: mean accuracy of every strategy."""
    from matplotlib.figure import Figure

    axes_ = found["axes"]
    figure = Figure(figsize=(11.0, 6.6), dpi=90, layout="constrained")
    panels = figure.subplots(2, 3).ravel()
    for panel, (axis, points) in zip(panels, axes_.items(), strict=False):
        _panel(panel, axis, points, found["ideal_accuracy"])
    handles, labels = panels[0].get_legend_handles_labels()
    for panel in panels[len(axes_) :]:
        panel.axis("off")
    panels[-1].legend(handles, labels, loc="center", fontsize=9, frameon=False)
    figure.suptitle(_finding(found), fontsize=11)
    return figure


def _panel(panel: Axes, axis: str, points: list[dict[str, Any]], ideal: float) -> None:
    x = [p["value"] for p in points]
    for method in points[0]["accuracy"]:
        marker, line, colour = STYLES.get(method, ("o", "-", "tab:green"))
        y = [p["accuracy"][method]["mean"] for p in points]
        panel.plot(x, y, marker=marker, linestyle=line, color=colour, label=method, markersize=5, linewidth=1.2)
    panel.axhline(ideal, color="0.5", linestyle="--", linewidth=0.8, label="ideal network")
    if axis in ("levels", "on_off_ratio", "rewrites_per_cell"):
        panel.set_xscale("log")
        panel.set_xticks(x, [f"{v:g}" for v in x])
        panel.minorticks_off()
    panel.set_xlabel(WORDS[axis], fontsize=9)
    panel.set_ylabel("accuracy / %", fontsize=9)
    panel.tick_params(labelsize=8)


def _finding(found: dict[str, Any]) -> str:
    means: dict[str, list[float]] = {}
    for points in found["axes"].values():
        for point in points:
            for method, value in point["accuracy"].items():
                means.setdefault(method, []).append(value["mean"])
    order = sorted(means, key=lambda m: -sum(means[m]) / len(means[m]))
    best, last = order[0], [m for m in order if m not in ("untouched",)][-1]
    return (f"{found['model']} on {found['data']}, {found['profile']} with one thing changed: over all settings "
            f"{best} recovers most ({sum(means[best]) / len(means[best]):.1f} %), {last} least "
            f"({sum(means[last]) / len(means[last]):.1f} %)")
