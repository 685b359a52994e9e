"""What ways of learning reach on chips after a change of the input, on validation images: for choices.

    python benchmarks/learning.py BUNDLE --data mnist --shift veil --try optimizer=rms --try optimizer=sgd,lr=0.1

Each chip is calibrated, then learns `--labels` training images, one at a time, and is measured on `--images` images of
the validation part: changed ones, and unchanged ones. A --try is settings of AdaptConfig. `--shift none` changes
nothing; `--wrong 0.2` gives a fifth of the images a wrong label, `--one-class 3` shows images of one class only.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from firmware_py import AdaptConfig, Chip
from firmware_py.bundle import Bundle
from firmware_py.replay import Replay
from host_tools.data import load
from host_tools.shift import Shift

NOTHING = "affine:1,0"


def settings(text: str) -> AdaptConfig:
    """From 'optimizer=sgd,lr=0.1,replay=0,guard=off'."""
    kinds = {field.name: str(field.type) for field in fields(AdaptConfig)}
    given: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, _, value = part.partition("=")
        if key == "replay":
            given[key] = Replay.parse(value)
        elif key == "guard":
            given |= {} if value == "on" else {"guard": None}
        else:
            given[key] = float(value) if kinds[key] == "float" else int(value) if "int" in kinds[key] else value
    return AdaptConfig(**given)


@dataclass(frozen=True)
class Stream:
    """What a chip is told: how many training images, the share of wrong labels among them, the class if only one."""

    labels: int
    wrong: float = 0.0
    one_class: int | None = None

    def of(self, rest: Any, seed: int) -> tuple[Any, Any]:
        """Images and labels for chip `seed`."""
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(rest.x_train))
        if self.one_class is not None:
            order = order[rest.y_train[order] == self.one_class]
        order = order[: self.labels]
        told, classes = rest.y_train[order].astype(int), len(rest.classes)
        moved = rng.integers(1, classes, len(told)) * (rng.random(len(told)) < self.wrong)
        return rest.x_train[order], (told + moved) % classes


def reached(chip: Chip, data: Any, shift: Shift, stream: Stream, images: int) -> tuple[float, float, float]:
    """Per cent right on changed images before and after learning, and afterwards on unchanged ones."""
    rest, x, y = data.validation()
    x, y = x[-images:], y[-images:]
    moved = shift(x)

    def right(inputs: Any) -> float:
        return 100 * float(np.mean(chip.predict_many(inputs) == y))

    chip.calibrate()
    before = right(moved)
    seen, labels = stream.of(rest, chip.seed)
    for image, label in zip(shift(seen), labels, strict=True):
        chip.learn_one(image, int(label))
    return before, right(moved), right(x)


def main() -> None:
    """Print a line for each way and change."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-dir")
    parser.add_argument("--shift", action="append", default=[])
    parser.add_argument("--try", dest="ways", action="append", default=[])
    parser.add_argument("--wrong", metavar="SHARE", type=float, default=0.0)
    parser.add_argument("--one-class", metavar="CLASS", type=int)
    for option, default in (("--chips", 4), ("--labels", 1000), ("--images", 2000)):
        parser.add_argument(option, type=int, default=default)
    options = parser.parse_args()
    stream = Stream(options.labels, options.wrong, options.one_class)
    bundle, data = Bundle.open(options.bundle), load(options.data, options.data_dir)
    print(f"{options.chips} chips, {options.labels} labels, {options.images} validation images; mean (lowest)")
    for shift in options.shift or ["veil"]:
        for way in options.ways or [""]:
            chips = [Chip(bundle, seed, adapt=settings(way)) for seed in range(options.chips)]
            change = Shift.parse(NOTHING if shift == "none" else shift)
            found = np.array([reached(chip, data, change, stream, options.images) for chip in chips])
            mean, low = found.mean(axis=0), found.min(axis=0)
            print(f"{shift:10s} {way or 'as it comes':40s} before {mean[0]:5.2f} after {mean[1]:5.2f} ({low[1]:5.2f}) "
                  f"unchanged {mean[2]:5.2f} ({low[2]:5.2f})", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
