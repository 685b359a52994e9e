"""How time grows: with the number of images, and with the rows of a layer."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.runtime.figure import Figure, in_turns
from firmware_py import Chip
from firmware_py.bundle import Bundle

IMAGES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
ROWS = (256, 512, 1024, 2048, 4096, 8192)
COLUMNS = 64
FROM_IMAGES, FROM_ROWS = 4, 2  # index of the first size that the exponent is fitted to: below, a call itself counts


def growth(bundle: Bundle, plot: Path | None) -> list[Figure]:
    """Exponents of time against images and rows: 1 is linear; more is judged."""
    by_images = _images(bundle)
    with tempfile.TemporaryDirectory() as folder:
        by_rows = _rows(Path(folder))
    images, rows = (exponent(sizes[first:], times[first:]) for sizes, times, first in
                    ((IMAGES, by_images, FROM_IMAGES), (ROWS, by_rows, FROM_ROWS)))  # fmt: skip
    if plot:
        title = (f"Time grows with images to the power {images:.2f} (from {IMAGES[FROM_IMAGES]} on) and with rows to "
                 f"the power {rows:.2f} (from {ROWS[FROM_ROWS]:,} on); 1 is linear")  # fmt: skip
        draw(by_images, by_rows, title).savefig(plot, dpi=120)
    return [Figure("growth of time with images, 16 to 256: exponent", images, "", 1.1),
            Figure("growth of time with rows, 1,024 to 8,192: exponent", rows, "", 1.1)]  # fmt: skip


def _images(bundle: Bundle) -> list[float]:
    chip = Chip(bundle)
    x = np.resize(bundle.calibration_x, (max(IMAGES), *bundle.input_shape))
    took = in_turns({str(n): lambda i, n=n: chip.logits_many(x[:n]) for n in IMAGES}, 60)  # type: ignore[misc]
    return [_quickest(took[str(n)]) for n in IMAGES]


def _rows(folder: Path) -> list[float]:
    from tests.firmware_py.make_bundle import Synthetic, make_bundle

    runs: dict[str, Any] = {}
    for rows in ROWS:
        nodes = [{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [COLUMNS]}]
        spec = Synthetic(nodes=nodes, input_shape=(rows // 64, 64, 1), rows=128, mask_share=0.01)
        chip = Chip(Bundle.open(make_bundle(folder / str(rows), spec)))
        x = chip.bundle.golden_x[:1]
        runs[str(rows)] = lambda i, chip=chip, x=x: chip.logits_many(x)
    took = in_turns(runs, 200)
    return [_quickest(took[str(rows)]) for rows in ROWS]


def _quickest(took: Any) -> float:
    """Of many: a call of milliseconds is interrupted on a busy machine, and a long one more often than a short one."""
    return float(np.min(took))


def exponent(sizes: Sequence[int], times: Sequence[float]) -> float:
    """e of times proportional to sizes^e, by least squares in logarithms."""
    return round(float(np.polyfit(np.log(sizes), np.log(times), 1)[0]), 3)


def draw(by_images: Sequence[float], by_rows: Sequence[float], title: str) -> Any:
    """Times in us against sizes, the sizes that the exponent is fitted to as full marks, beside the line of power 1."""
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(9, 3.8), layout="constrained")
    left, right = canvas.subplots(1, 2)
    for axes, sizes, times, first, label in (
        (left, IMAGES, by_images, FROM_IMAGES, "images in one call (LeNet-5)"),
        (right, ROWS, by_rows, FROM_ROWS, f"rows of a layer of {COLUMNS} columns"),
    ):
        axes.loglog(sizes, times, "-", color="black", marker="o", markerfacecolor="white", label="measured")
        axes.loglog(sizes[first:], times[first:], "o", color="black", label="the exponent is fitted to these")
        axes.loglog(sizes, np.array(sizes) * times[-1] / sizes[-1], ":", color="0.4", label="linear")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        ticks = [step * 10**power for power in range(6) for step in (1, 2, 5)]
        axes.set_yticks(ticks, [f"{tick:,}" for tick in ticks])
        axes.minorticks_off()
        axes.set_ylim(min(times) / 1.6, max(times) * 1.6)
        axes.set(xlabel=label, ylabel="time of a call (us)")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    canvas.suptitle(title, fontsize=9)
    return canvas
