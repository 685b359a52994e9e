"""What is told of an integer network: accuracy by integers, rows and cells layer by layer, tables of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from host_tools import console
from host_tools.data import Dataset, scaled
from host_tools.integer.network import IntegerNetwork
from host_tools.integer.orders import Reordered
from host_tools.integer.rows import renamed_layers

BATCH = 1000


@dataclass(frozen=True)
class Rows:
    """One layer (or "network"): rows and physical rows, cells and cells left (two a weight), additions before the array
    for one matrix product, and the range of a physical row's input."""

    layer: str
    rows: int
    physical: int
    cells: int
    left: int
    additions: int
    reach: tuple[int, int]

    @property
    def saved(self) -> float:
        """Per cent of the cells."""
        return 100 * (1 - self.left / self.cells)


@dataclass(frozen=True)
class Tied:
    """A network whose layer is tied to `count` rows (None: as trained), its rows, and its figures."""

    count: int | None
    rows: list[Rows]
    figures: dict[str, Any]

    def of(self, layer: str) -> Rows:
        """The rows of one layer."""
        return next(r for r in self.rows if r.layer == layer)


def row_counts(network: IntegerNetwork) -> list[Rows]:
    """Every layer, and the whole network at the end."""
    highest, out = (1 << network.bits) - 1, []
    for name, shared in renamed_layers(network).items():
        k, (p, n) = len(shared.row), shared.weights.shape
        out.append(Rows(name, k, p, 2 * k * n, 2 * p * n, shared.additions, shared.reach(highest)))
    total = {key: sum(getattr(r, key) for r in out) for key in ("rows", "physical", "cells", "left", "additions")}
    reach = (min(r.reach[0] for r in out), max(r.reach[1] for r in out))
    return [*out, Rows("network", **total, reach=reach)]


def figures(trained: Any, data: Dataset) -> dict[str, Any]:
    """Accuracy of a trained Keras network on the test images by integers in NumPy, and in how many of them the folded
    Keras network says another class (it must not)."""
    from host_tools.integer.fold import fold, network_of

    folded = fold(trained)
    network = network_of(folded)
    classes = network.classes(data.x_test)
    parts = [np.argmax(folded.predict_on_batch(scaled(data.x_test[i : i + BATCH])), axis=1)
             for i in range(0, len(classes), BATCH)]  # fmt: skip
    return {
        "weights": sum(layer.weights.size for layer in network.analog),
        "test_images": len(classes),
        "test_accuracy": 100 * float(np.mean(classes == data.y_test)),
        "folded_differs": int(np.sum(np.concatenate(parts) != classes)),
    }


def as_json(tied: Tied) -> dict[str, Any]:
    """JSON types."""
    rows = [{"layer": r.layer, "rows": r.rows, "physical_rows": r.physical, "cells": r.cells, "cells_left": r.left,
             "saved_percent": r.saved, "additions": r.additions, "input_low": r.reach[0], "input_high": r.reach[1]}
            for r in tied.rows]  # fmt: skip
    return {"tied_to": tied.count, "layers": rows, **tied.figures}


def rename_table(title: str, tied: Tied) -> None:
    """Rows and cells by layer, and the accuracy."""
    console.table(
        f"{title}: test {tied.figures['test_accuracy']:.2f} %",
        ["layer", "rows", "physical", "cells", "left", "saved", "additions", "inputs"],
        [[r.layer, str(r.rows), str(r.physical), f"{r.cells:,}", f"{r.left:,}", f"{r.saved:.2f} %", str(r.additions),
          f"{r.reach[0]} to {r.reach[1]}"] for r in tied.rows],
    )  # fmt: skip


def reorder_table(title: str, results: list[Reordered]) -> None:
    """Error and accuracy by noise of the bit lines: as trained, in random order, reordered."""
    names = ("trained", "random", "reordered")

    def interval(found: tuple[float, float, float]) -> str:
        return f"{found[0]:.1f} ({found[1]:.1f}..{found[2]:.1f})"

    console.table(
        title,
        ["noise", *(f"error, {name}" for name in names), "cut, % (95 %)", "vs random, %", "% right", "reordered"],
        [[f"{r.current:g}", *(f"{r.outcome[name].rms.mean():.3f}" for name in names), interval(r.cut),
          interval(r.random_cut), *(f"{r.outcome[name].accuracy.mean():.2f}" for name in ("trained", "reordered"))]
         for r in results],
    )  # fmt: skip
    first = results[0]
    console.say(
        f"rows open in a conversion: {first.open_trained:.2f} on average; conversions with every row open:"
        f" {100 * first.full_trained:.2f} % as trained, {100 * first.full_reordered:.2f} % reordered"
    )
