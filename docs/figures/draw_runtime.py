"""Draws docs/figures/runtime.png: `python docs/figures/draw_runtime.py`. Boxes are steps of docs/numerics.md."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

RRAM, DIGITAL, SRAM = "#e8e8e8", "white", "#cfe2f3"  # grey, white, hatched blue: told by hatching, too
WIDTH, HEIGHT = 1.72, 0.86


def box(axes: Axes, x: float, y: float, text: str, kind: str) -> None:
    """A step, its text in the middle."""
    hatch = {RRAM: "...", DIGITAL: "", SRAM: "///"}[kind]
    patch = FancyBboxPatch((x, y), WIDTH, HEIGHT, boxstyle="round,pad=0.02", facecolor=kind, edgecolor="black", lw=1)
    axes.add_patch(patch)
    if hatch:
        axes.add_patch(FancyBboxPatch((x, y), WIDTH, HEIGHT, boxstyle="round,pad=0.02", fill=False, hatch=hatch,
                                      edgecolor="#b0b0b0", lw=0))  # fmt: skip
    label = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
    axes.text(x + WIDTH / 2, y + HEIGHT / 2, text, ha="center", va="center", fontsize=8.5, bbox=label)


def arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], dashed: bool = False) -> None:
    """From the end of one step to the next."""
    style = {"arrowstyle": "->", "lw": 1.3, "linestyle": "--" if dashed else "-", "color": "black"}
    axes.annotate("", xy=end, xytext=start, arrowprops=style)


def main() -> None:
    """Two rows: an image's way through one layer, and one label's way back."""
    canvas = Figure(figsize=(11.5, 4.9), layout="constrained")
    axes = canvas.subplots()
    axes.set_axis_off()
    axes.set_xlim(-0.1, 13.3)
    axes.set_ylim(-0.2, 4.7)
    gap = 2.2
    forward = [("DAC\ncodes of x", DIGITAL), ("RRAM tiles\nsum code D", RRAM), ("read noise\nof a column", RRAM),
               ("ADC of a tile,\nsum over tiles: s", DIGITAL), ("gain s + offset\n+ SRAM values x", SRAM),
               ("activation, pool,\nadd, concat: y", DIGITAL)]  # fmt: skip
    for i, (text, kind) in enumerate(forward):
        box(axes, i * gap, 3.0, text, kind)
        if i:
            arrow(axes, (i * gap - gap + WIDTH + 0.04, 3.43), (i * gap - 0.04, 3.43))
    told = "one layer, forward: the cells are never written; what is not exact is grey and dotted"
    axes.text(0, 4.25, told, fontsize=10)
    back = [("dLoss/dx", DIGITAL), ("transposed read\nof the tiles", RRAM), ("8-bit codes\nof the error", DIGITAL),
            ("gradients: sums of\ncodes, integers", DIGITAL), ("update of gain,\noffset, values", SRAM),
            ("dLoss/dy", DIGITAL)]  # fmt: skip
    for i, (text, kind) in enumerate(back):
        box(axes, i * gap, 0.4, text, kind)
    for i in (2, 1):
        arrow(axes, (i * gap - 0.04, 0.83), ((i - 1) * gap + WIDTH + 0.04, 0.83))
    first, last = 5 * gap + WIDTH / 2, 2 * gap + WIDTH / 2  # below the two steps that do not lie on this way
    axes.plot([first, first, last], [0.36, 0.12, 0.12], color="black", lw=1.3)
    arrow(axes, (last, 0.12), (last, 0.38))
    arrow(axes, (2 * gap + WIDTH + 0.04, 0.83), (3 * gap - 0.04, 0.83))
    arrow(axes, (3 * gap + WIDTH + 0.04, 0.83), (4 * gap - 0.04, 0.83))
    arrow(axes, (4 * gap + WIDTH / 2, 1.30), (4 * gap + WIDTH / 2, 2.94), dashed=True)
    arrow(axes, (3 * gap + WIDTH / 2, 2.94), (3 * gap + WIDTH / 2, 1.30), dashed=True)
    axes.text(3 * gap + WIDTH / 2 + 0.1, 2.1, "kept: s, codes", fontsize=8.5)
    axes.text(4 * gap + WIDTH / 2 + 0.1, 2.1, "changes only here", fontsize=8.5)
    axes.text(0, 1.65, "one label, backward (dashed: what both share)", fontsize=10)
    canvas.suptitle("Only the hatched blue SRAM learns: an image and a label on their way through a layer", fontsize=11)
    canvas.savefig(Path(__file__).with_name("runtime.png"), dpi=110)


if __name__ == "__main__":
    main()
