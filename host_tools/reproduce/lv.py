"""Lv et al., TCAD 2024: non-ideal PIM device fine-tuning, beside VAT and R-V-W on the same chips.

The abstract alone was at hand: the algorithm and the reading of charan-65nm are ours (docs/finetune.md).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from host_tools.finetune.methods import Job
from host_tools.finetune.prepare import Mapping, make_job, with_vat
from host_tools.finetune.run import paired, run_chips, summary
from host_tools.finetune.tuning import STRATEGIES
from host_tools.reproduce.claim import Claim, Setting

PAPER = "Lv, TCAD 2024"
BEST = "layer-by-layer"
ORDER = ("gains-biases", "last-layer", "layer-by-layer")
QUICK_CHIPS, FULL_CHIPS = 4, 20


def claims(setting: Setting) -> list[Claim]:
    """quick: a small network on digits, 4 chips; full: LeNet-5 on MNIST, 20 chips (about an hour on two cores, half
    of it the baseline's training)."""
    from device_models.profile import DeviceProfile
    from host_tools import console
    from host_tools.finetune.vat import VatRecipe

    data, model = _network(setting)
    job = make_job(model, data, DeviceProfile.load("charan-65nm"), STRATEGIES[BEST], Mapping())
    job = with_vat(job, model, data, VatRecipe.for_data(data), setting.seed, setting.cache / "finetune")
    chips = QUICK_CHIPS if setting.quick else FULL_CHIPS
    seeds = range(setting.seed * chips + 1, setting.seed * chips + 1 + chips)
    with console.progress("fine-tuning chips", chips) as bar:
        results = run_chips(job, seeds, setting.workers or 1, bar.advance)
    words = (f"{job.network.name} on {data.name}, charan-65nm as one cell a weight (our reading), {chips} chips, "
             f"{len(job.y_test):,} test images, read noise")  # fmt: skip
    rows = {row["method"]: row for row in summary(results)}
    above, above_sd = paired(results, "fine-tuned", "vat")
    over, over_sd = paired(results, "fine-tuned", "rvw")
    gap = job.judged(job.network, None) - rows["fine-tuned"]["accuracy_mean"]
    effort = f"; {rows['fine-tuned']['writes_per_cell']:.2f} writes a cell, R-V-W {rows['rvw']['writes_per_cell']:.2f}"
    return [
        Claim(PAPER, "fine-tuning above VAT", 3.0, above, above_sd, words, above >= 3.0, chips, "points"),
        Claim(PAPER, "fine-tuning below the ideal network (nearly complete recovery)", None, gap,
              rows["fine-tuned"]["accuracy_sd"], words, gap <= 1.0, chips, "points"),
        Claim(PAPER, "fine-tuning above R-V-W at equal writes", None, over, over_sd, words + effort, over > 0, chips,
              "points"),
        _order(job, setting, words),
    ]  # fmt: skip


def _network(setting: Setting) -> tuple[Any, Any]:
    from host_tools.data import load

    if setting.quick:
        from host_tools.finetune.small import small_network

        data = load("digits")
        return data, small_network(data, setting.seed)
    from host_tools.record import load_model
    from host_tools.training import recipes
    from host_tools.training.workshop import Workshop

    data = load("mnist", None if setting.data_dir is None else f"{setting.data_dir}/mnist")
    recipe = recipes.get("mnist-lenet5")
    shop = Workshop(recipe, data, setting.seed, setting.cache / "networks", False, setting.tell)
    return data, load_model(shop.teacher())


def _order(job: Job, setting: Setting, words: str) -> Claim:
    """Least step, in points, from one strategy to the next in ORDER, on two chips."""
    from host_tools.finetune.study import one_chip

    chips = [one_chip(ORDER, (job, setting.seed * 2 + 1 + i)) for i in range(2)]
    means = [sum(chip[name] for chip in chips) / len(chips) for name in ORDER]
    step = min(b - a for a, b in pairwise(means))
    return Claim(PAPER, f"strategies' order: {' < '.join(ORDER)}, least step", None, step, None, words, step > 0, 2,
                 "points")  # fmt: skip
