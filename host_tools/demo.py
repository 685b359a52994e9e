"""The whole way on scikit-learn's digits: a trained student is exported, put on a chip, calibrated, and adapts on a
stream."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import Bundle
from firmware_py.cells import cells_digest
from firmware_py.chip import Chip
from firmware_py.correction import AdaptConfig
from firmware_py.reference import Reference
from host_tools import console
from host_tools.data import Dataset
from host_tools.quiet import quiet
from host_tools.shift import Shift

BEFORE_CHANGE = 0.4  # share of the stream that comes before the change
WINDOW = 80  # images of the moving average in the picture


@dataclass(frozen=True)
class DemoOptions:
    """Where files go, which chip, what happens to the sensor, and how labels are learned."""

    folder: Path
    chip_seed: int = 0
    seed: int = 0
    shift: Shift = field(default_factory=lambda: Shift(0.3, 0.5))
    adapt: AdaptConfig = field(default_factory=lambda: AdaptConfig(horizon=400))
    sram_percent: float = 2.34
    engine: str = "auto"
    retrain: bool = False


@dataclass(frozen=True)
class Track:
    """One way to run the stream: `right` bool [images]."""

    name: str
    right: npt.NDArray[np.bool_]


@dataclass(frozen=True)
class DemoResult:
    """All tracks of the stream, the moment of the change, and what it took."""

    tracks: Sequence[Track]
    change: int
    cells_written: int
    cells: int
    calibration_s: float
    engine: str
    sram_percent: float
    sram_bytes: int


def make_bundles(data: Dataset, options: DemoOptions) -> tuple[Path, Path]:
    """Export the recipe's networks: the student's bundle, and that of the ideal network put on RRAM as it is."""
    from host_tools.mapping.draft import ExportOptions
    from host_tools.mapping.mask import MaskChoice
    from host_tools.study.prepare import prepare
    from host_tools.training.recipes import get

    export = ExportOptions(mask=MaskChoice(sram_percent=options.sram_percent, seed=options.seed), seed=options.seed)
    files = prepare(get("digits"), data, options.seed, options.folder, export, options.retrain)
    bundle = options.folder / "digits.rram.safetensors"
    shutil.copyfile(files.bundle, bundle)
    return bundle, files.plain


def run_stream(data: Dataset, bundle: Path, plain: Path, options: DemoOptions) -> DemoResult:
    """Show the stream to the ideal network, the plain chip, and the student's chip untouched, calibrated, adapting."""
    images, labels = data.x_test, data.y_test
    change = int(BEFORE_CHANGE * len(images))
    seen = np.concatenate([images[:change].astype(np.float32) / np.float32(255), options.shift(images[change:])])

    def chip(path: Path) -> Chip:
        return Chip(Bundle.open(path), options.chip_seed, options.engine, adapt=options.adapt)  # type: ignore[arg-type]

    with quiet():
        reference = Reference(Bundle.open(bundle))
    ideal = np.argmax(reference.predict(seen), axis=1)
    untouched, calibrated, adapting = chip(bundle), chip(bundle), chip(bundle)
    cells_before = [layer.d.copy() for layer in adapting.engine.cells]
    digest_before = cells_digest(adapting.engine.cells)
    start = time.perf_counter()
    adapting.calibrate()
    calibration_s = time.perf_counter() - start
    calibrated.calibrate()
    adapted = _adapt(adapting, seen, labels, change)
    tracks = [
        Track("ideal network, digital", ideal == labels),
        Track("ideal network on the chip, no help", chip(plain).predict_many(seen) == labels),
        Track("student on the chip, untouched", untouched.predict_many(seen) == labels),
        Track("calibrated without labels", calibrated.predict_many(seen) == labels),
        Track("calibrated, then adapting", adapted),
    ]
    written = sum(int(np.sum(a != b.d)) for a, b in zip(cells_before, adapting.engine.cells, strict=True))
    assert (written == 0) == (digest_before == cells_digest(adapting.engine.cells))
    cells = sum(2 * layer.d.size for layer in adapting.engine.cells)
    sram = adapting.sram
    return DemoResult(tracks, change, written, cells, calibration_s, adapting.engine.name, sram.percent, sram.bytes)


def _adapt(
    chip: Chip, seen: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], change: int
) -> npt.NDArray[np.bool_]:
    """Progressive: predict, then learn. Labels arrive from the change on; before it, calibration is all to gain."""
    right = np.zeros(len(seen), bool)
    with console.progress("the stream", len(seen)) as bar:
        for i, (image, label) in enumerate(zip(seen, labels, strict=True)):
            right[i] = (chip.learn_one(image, int(label)) if i >= change else chip.predict_one(image)) == label
            bar.advance(1, f"accuracy of the last {WINDOW}: {100 * right[max(0, i - WINDOW + 1) : i + 1].mean():.0f} %")
    return right


def summary(result: DemoResult) -> list[tuple[str, float, float, float]]:
    """Per track: accuracy in per cent before the change, in the first quarter after it, and in the last half."""
    change, n = result.change, len(result.tracks[0].right)
    quarter, half = change + (n - change) // 4, change + (n - change) // 2
    parts = (slice(0, change), slice(change, quarter), slice(half, n))
    return [(t.name, *(float(100 * t.right[part].mean()) for part in parts)) for t in result.tracks]  # type: ignore[misc]


STYLES = {
    "ideal network, digital": ("black", ":", 1.8),
    "ideal network on the chip, no help": ("#999999", (0, (1, 3)), 1.4),
    "student on the chip, untouched": ("#b35806", "-.", 1.4),
    "calibrated without labels": ("#2166ac", "--", 1.6),
    "calibrated, then adapting": ("#1b7837", "-", 2.4),
}


def plot(path: Path, result: DemoResult, shift: Shift) -> None:
    """Accuracy over the stream (moving average), the moment of the change marked."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = {name: last for name, _, _, last in summary(result)}
    figure, axes = plt.subplots(figsize=(9, 4.8), layout="constrained")
    for track in result.tracks:
        counts = np.minimum(np.arange(1, len(track.right) + 1), WINDOW)
        total = np.cumsum(track.right.astype(float))
        window = total - np.concatenate([np.zeros(min(WINDOW, len(total))), total[:-WINDOW]])[: len(total)]
        color, style, width = STYLES[track.name]
        shown = slice(WINDOW // 4, None)  # before that the average says little
        axes.plot(np.arange(len(counts))[shown], (100 * window / counts)[shown], color=color, ls=style, lw=width,
                  label=f"{track.name}: {rows[track.name]:.0f} %")  # fmt: skip
    axes.axvline(result.change, color="black", lw=0.8)
    axes.annotate(f"the sensor changes:\n{shift}; labels start", (result.change, 4), xytext=(6, 0),
                  textcoords="offset points", fontsize=9)  # fmt: skip
    axes.set_ylim(0, 104)
    axes.set_xlim(0, len(result.tracks[0].right))
    axes.set_xlabel("images of the stream")
    axes.set_ylabel(f"accuracy of the last {WINDOW} images in per cent")
    axes.legend(title="accuracy in the last half after the change", fontsize=8, title_fontsize=8, loc="lower left")
    back, unhelped = rows["calibrated, then adapting"], rows["calibrated without labels"]
    axes.set_title(
        f"Labels bring the chip from {unhelped:.0f} % back to {back:.0f} %, and {result.cells_written} of"
        f" {result.cells:,} RRAM cells are written", loc="left", fontsize=11)  # fmt: skip
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=150)
    plt.close(figure)
