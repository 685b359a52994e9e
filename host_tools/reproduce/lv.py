"""Lv et al., TCAD 2024: non-ideal PIM device fine-tuning, beside VAT and R-V-W on the same chips.

The abstract alone was at hand: the algorithm and the reading of charan-65nm are ours (docs/finetune.md).
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from host_tools.finetune.methods import Job, Result
from host_tools.finetune.prepare import make_job, with_vat
from host_tools.finetune.run import accuracies, differences, run_chips, spread_out, summary
from host_tools.finetune.study import one_chip
from host_tools.finetune.tuning import BEST, STRATEGIES
from host_tools.reproduce.claim import Claim, Setting
from host_tools.study.pool import cores
from host_tools.study.statistics import above_zero

PAPER = "Lv, TCAD 2024"
PAPERS = (PAPER,)  # whose claims are measured here
ABOVE_VAT, BELOW_IDEAL = 3.0, 1.0  # points: the paper's, and our reading of "nearly complete"
ORDER = ("gains-biases", "last-layer", "layer-by-layer")
QUICK_CHIPS, FULL_CHIPS, ORDER_CHIPS = 4, 20, 4


def claims(setting: Setting) -> list[Claim]:
    """quick: a small network on digits, 4 chips, about two minutes; full: LeNet-5 on MNIST, 20 chips, all test images,
    about 25 minutes on two quiet cores beside the ideal network's training, a third of it the baseline's training."""
    from host_tools.record import sha256

    data, teacher = _teacher(setting)
    made_of = [data.fingerprint, None if teacher is None else sha256(teacher)]
    return setting.paper("lv", made_of, partial(_measured, setting, data, teacher))


def _measured(setting: Setting, data: Any, teacher: Path | None, figures: Path) -> list[Claim]:
    from device_models.profile import DeviceProfile
    from host_tools import console
    from host_tools.finetune.small import small_network
    from host_tools.finetune.vat import VatRecipe
    from host_tools.plots.finetune import chips_figure
    from host_tools.record import load_model

    model = small_network(data, setting.seed) if teacher is None else load_model(teacher)
    job = make_job(model, data, DeviceProfile.load("charan-65nm"), STRATEGIES[BEST])
    job = with_vat(job, model, data, VatRecipe.for_data(data), setting.seed, setting.cache / "finetune")
    chips = QUICK_CHIPS if setting.quick else FULL_CHIPS
    workers = setting.workers or cores()
    seeds = range(setting.seed * chips + 1, setting.seed * chips + 1 + chips)
    with console.progress("fine-tuning chips", chips) as bar:
        results = run_chips(job, seeds, workers, bar.advance)
    ideal = job.judged(job.network, None)
    chips_figure(results, ideal).savefig(figures / "finetune.png")
    words = (f"{job.network.name} on {data.name}, charan-65nm as one cell a weight (our reading), {{}} chips, "
             f"{len(job.y_test):,} test images, read noise")  # fmt: skip
    return [*compared(results, ideal, words.format(chips)), _order(job, setting, workers, words.format(ORDER_CHIPS))]


def compared(results: list[Result], ideal: float, words: str) -> list[Claim]:
    """The rows that every method on the same chips gives."""
    fine = accuracies(results, "fine-tuned")
    rows = {row["method"]: row for row in summary(results)}
    writes = {name: f"{row['writes_per_cell']:.2f} writes a cell" for name, row in rows.items()}
    equal = f"{words}; {writes['fine-tuned']}, R-V-W {writes['rvw']}"

    def row(claim: str, values: Any, met: bool | None, where: str = words, paper: float | None = None,
            goal: float | None = None, unit: str = "points") -> Claim:  # fmt: skip
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
        return Claim(PAPER, claim, paper, float(np.mean(values)), sd, where, met, len(values), unit, goal,
                     float(np.min(values)))  # fmt: skip

    vat, rvw, fitted = (differences(results, "fine-tuned", name) for name in ("vat", "rvw", "rvw-gains-biases"))
    return [
        row("VAT alone, on chips", accuracies(results, "vat"), None, unit="%"),
        row("fine-tuned, on chips", fine, None, unit="%", where=equal),
        row("fine-tuning above VAT", vat, bool(vat.mean() >= ABOVE_VAT), paper=ABOVE_VAT),
        row("fine-tuning below the ideal network (\"nearly complete recovery\")", ideal - fine,
            bool(ideal - fine.mean() <= BELOW_IDEAL), goal=BELOW_IDEAL),
        row("fine-tuning above R-V-W at equal writes", rvw, above_zero(rvw), equal),
        row("the same, R-V-W with gains and offsets fitted", fitted, above_zero(fitted), equal),
    ]  # fmt: skip


def _teacher(setting: Setting) -> tuple[Any, Path | None]:
    """The data, and the ideal network's file; None: the small network, which the seed alone decides."""
    from host_tools.data import load

    if setting.quick:
        return load("digits"), None
    from host_tools.training import recipes
    from host_tools.training.workshop import Workshop

    data = load("mnist", None if setting.data_dir is None else f"{setting.data_dir}/mnist")
    recipe = recipes.get("mnist-lenet5")
    shop = Workshop(recipe, data, setting.seed, setting.cache / "networks", setting.retrain, setting.tell)
    return data, shop.teacher()


def _order(job: Job, setting: Setting, workers: int, words: str) -> Claim:
    """Least step, in points, from one strategy to the next in ORDER."""
    items = [(job, setting.seed * ORDER_CHIPS + 1 + i) for i in range(ORDER_CHIPS)]
    chips = spread_out(partial(one_chip, ORDER), items, workers, lambda amount, note: None)
    means = [sum(chip[name] for chip in chips) / len(chips) for name in ORDER]
    step = min(b - a for a, b in pairwise(means))
    return Claim(PAPER, f"strategies' order: {' < '.join(ORDER)}, least step", None, step, None, words, step > 0,
                 ORDER_CHIPS, "points")  # fmt: skip
