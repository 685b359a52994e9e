"""Many chips, side by side in processes where asked; the same numbers however many."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from host_tools.finetune.methods import Job, Result, every_method
from host_tools.study.pool import interrupts_ignored, processes

Item = TypeVar("Item")
Out = TypeVar("Out")
Advance = Callable[[float, str], None]


def spread_out(work: Callable[[Item], Out], items: Iterable[Item], workers: int, advance: Advance) -> list[Out]:
    """work(item) of every item, in order."""
    results = []
    if workers == 1:
        for item in items:
            results.append(work(item))
            advance(1, "")
        return results
    with processes(workers) as pool:
        with interrupts_ignored():
            found = pool.map(work, items)  # submits them all
        for out in found:
            results.append(out)
            advance(1, "")
    return results


def run_chips(job: Job, seeds: Sequence[int], workers: int, advance: Advance) -> list[Result]:
    """Every method on every chip."""
    chips = spread_out(partial(every_method, job), seeds, workers, advance)
    return [result for chip in chips for result in chip]


def summary(results: list[Result]) -> list[dict[str, Any]]:
    """One row a method: mean, sd (n - 1) and minimum of the accuracy in per cent, mean effort."""
    rows = []
    for method in dict.fromkeys(r.method for r in results):
        own = [r for r in results if r.method == method]
        values = np.array([r.accuracy for r in own])
        energy = [r.energy_nJ for r in own if r.energy_nJ is not None]
        rows.append({
            "method": method, "chips": len(own), "accuracy_mean": float(values.mean()),
            "accuracy_sd": float(values.std(ddof=1)) if len(own) > 1 else None, "accuracy_min": float(values.min()),
            "writes_per_cell": float(np.mean([r.writes for r in own])),
            "reads_per_matrix": float(np.mean([r.reads for r in own])),
            "verify_reads_per_cell": float(np.mean([r.verify_reads for r in own])),
            "energy_nJ": float(np.mean(energy)) if energy else None,
        })  # fmt: skip
    return rows


def accuracies(results: list[Result], method: str) -> NDArray[np.float64]:
    """Of a method's chips, in per cent."""
    return np.array([r.accuracy for r in results if r.method == method])


def differences(results: list[Result], method: str, other: str) -> NDArray[np.float64]:
    """Accuracy of a method minus another's, chip by chip, in points."""
    by = {(r.method, r.chip): r.accuracy for r in results}
    return np.array([by[method, r.chip] - r.accuracy for r in results if r.method == other])
