"""The fine-tuning: against least squares and closed forms, on what a port shows and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from host_tools.errors import HostError
from host_tools.finetune import layerwise
from host_tools.finetune.chip import CellLayer, Chip
from host_tools.finetune.estimate import Seen
from host_tools.finetune.layerwise import Task, fit_columns, rewrite_layer
from host_tools.finetune.plan import Cells, plan
from host_tools.finetune.rvw import expected_writes, read_verify_write, tolerance_for
from host_tools.finetune.tune import budgets, fine_tune
from host_tools.finetune.tuning import STRATEGIES, Tuning
from tests.host_tools.finetune.nets import branched, one_layer, technology

TUNING = Tuning(kd=False, share=0.05)


class Blind:
    """A port whose every attribute but those of `Port` is an error."""

    def __init__(self, port: CellLayer) -> None:
        self.__dict__["_port"] = port

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "writes", "reads", "read", "read_back", "write"):
            return getattr(self.__dict__["_port"], name)
        raise AssertionError(f"the algorithm looked at {name}")


def chip_of(network: Any, seed: int = 1, **options: Any) -> Chip:
    return Chip(network, technology(**options), seed)


def rows_of(network: Any, n: int = 400, seed: int = 0) -> Task:
    """Correlated inputs, as activations are."""
    rng = np.random.default_rng(seed)
    k = len(network.layers[0].weights)
    rows = (rng.normal(size=(n, k)) @ rng.normal(size=(k, k)) / np.sqrt(k) + 0.3).astype(np.float32)
    return Task(rows, network.exact(0, rows))


def error(chip: Chip, given: Task) -> float:
    """Mean square error of the layer's answers, as a share of what it should answer."""
    off = chip.product(0, given.rows) - given.want
    return float((off**2).mean() / (given.want - given.want.mean(axis=0)).var())


def test_rewriting_one_layer_comes_near_to_least_squares() -> None:
    # The least-squares optimum of a linear layer is exact: what is left is what writes and reads leave of the error.
    network = one_layer()
    given, chip = rows_of(network), chip_of(network)
    fit_columns(chip, 0, given, TUNING)
    before = error(chip, given)
    rewrite_layer(chip, 0, given, TUNING, 8 * 360)
    assert error(chip, given) < 0.1 * before
    silent = chip_of(network, read_noise=False)
    rewrite_layer(silent, 0, given, TUNING, 8 * 360)
    assert error(silent, given) < 0.1 * before


def test_without_spread_the_rounding_to_levels_is_compensated() -> None:
    network = one_layer()
    given, chip = rows_of(network), chip_of(network, sigma=0.0, read_noise=False)
    before = error(chip, given)
    rewrite_layer(chip, 0, given, TUNING, 8 * 360)
    assert before < 0.05  # rounding and clipping alone
    assert error(chip, given) < 0.5 * before


def test_writes_are_counted_and_kept_within_the_budget() -> None:
    network = one_layer()
    given, chip = rows_of(network), chip_of(network)
    spent = rewrite_layer(chip, 0, given, TUNING, 200)
    assert chip.layers[0].writes.min() >= 1
    assert chip.writes == chip.cells + spent
    assert 200 <= spent < 200 + 2 * 12  # a round is two cells a column
    assert chip.reads > 0


def test_every_strategy_sees_the_port_alone_and_repeats() -> None:
    network = branched()
    rng = np.random.default_rng(0)
    images, labels = rng.random((64, 6, 6, 2)).astype(np.float32), rng.integers(0, 3, 64)
    for name, strategy in STRATEGIES.items():
        tuning = replace(strategy, writes=1.0, images=64, kd_rounds=2)
        logits = []
        for blind in (True, False):
            chip = chip_of(network)
            if blind:
                chip.layers = [Blind(port) for port in chip.layers]  # type: ignore[arg-type]
            fine_tune(chip, images, labels, tuning, seed=3)
            logits.append(network.forward(images, chip.product).logits)
        np.testing.assert_array_equal(logits[0], logits[1], err_msg=name)
    other = chip_of(network)
    fine_tune(other, images, labels, replace(STRATEGIES["layer-by-layer"], writes=1.0), seed=4)
    assert not np.array_equal(network.forward(images, other.product).logits, logits[0])


def test_last_layer_alone_is_rewritten_and_gains_alone_write_nothing() -> None:
    chip = chip_of(branched())
    images = np.random.default_rng(0).random((64, 6, 6, 2)).astype(np.float32)
    fine_tune(chip, images, np.zeros(64, np.int64), STRATEGIES["last-layer"], seed=0)
    assert all((port.writes == 1).all() for port in chip.layers[:-1])
    assert (chip.layers[-1].writes > 1).any()
    untouched = chip_of(branched())
    assert fine_tune(untouched, images, np.zeros(64, np.int64), STRATEGIES["gains-biases"], seed=0) == 0
    assert untouched.writes == untouched.cells
    assert sum(budgets(chip, TUNING)) == pytest.approx(TUNING.writes * chip.cells, abs=5)


def test_the_estimate_is_the_posterior_mean() -> None:
    rng = np.random.default_rng(0)
    rows, w = rng.normal(size=(50, 6)).astype(np.float32), rng.normal(size=(6, 3)).astype(np.float32)
    prior, variance = np.zeros((6, 3), np.float32), rng.uniform(0.1, 2, (6, 3)).astype(np.float32)
    seen = Seen.of(rows, 0.3)
    found = seen.cells(rows @ w, prior, variance)
    x = rows - rows.mean(axis=0)
    for j in range(3):
        exact = np.linalg.solve(x.T @ x / seen.noise + np.diag(1 / variance[:, j]), x.T @ (x @ w[:, j]) / seen.noise)
        np.testing.assert_allclose(found[:, j], exact, atol=2e-3)
    v = 0.7
    left = np.diagonal(np.linalg.inv(x.T @ x / seen.noise + np.eye(6) / v)) / v
    np.testing.assert_allclose(seen.unseen(v), left, rtol=1e-2)


def test_the_plan_takes_the_best_cell_and_level_by_exhaustive_search() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(40, 5)).astype(np.float32)
    gram, w, e = x.T @ x / 40, rng.normal(size=(5, 2)).astype(np.float32), rng.normal(size=(5, 2)).astype(np.float32)
    value, sd = np.array([-1, 0, 1], np.float32), np.array([0.1, 0.2, 0.3], np.float32)
    cells = Cells(w, np.full((5, 2), 0.01, np.float32), gram @ e)
    where, level = plan(cells, gram, value, sd, hope=1.0, most=1)
    for j in range(2):
        best = (0.0, -1, -1)
        for i in range(5):
            for k in range(3):
                d = value[k] - w[i, j]
                after = e[:, j].copy()
                after[i] += d
                fall = e[:, j] @ gram @ e[:, j] - after @ gram @ after - gram[i, i] * (0.01 + sd[k] ** 2)
                best = max(best, (float(fall), i, k))
        chosen = np.flatnonzero(where[:, j])
        assert [*chosen, *level[chosen, j]] == ([best[1], best[2]] if best[1] >= 0 else [])


def test_a_write_that_cannot_help_is_not_planned() -> None:
    gram, value, sd = np.eye(3, dtype=np.float32), np.array([-1, 1], np.float32), np.array([0.5, 0.5], np.float32)
    at_rest = Cells(np.ones((3, 2), np.float32), np.zeros((3, 2), np.float32), np.zeros((3, 2), np.float32))
    assert not plan(at_rest, gram, value, sd, hope=1.0, most=2)[0].any()


def test_r_v_w_takes_the_writes_of_its_closed_form() -> None:
    chip = chip_of(one_layer(100, 60), read_noise=False)
    tolerance = tolerance_for(chip, 2.5)
    assert expected_writes(chip, tolerance) == pytest.approx(2.5, rel=1e-6)
    read_verify_write(chip, 2.5)
    assert chip.writes / chip.cells == pytest.approx(2.5, rel=0.06)


def test_settings_out_of_range_are_one_line() -> None:
    with pytest.raises(HostError, match="fine-tuning: share: 2 is not 1e-06 to 1"):
        Tuning(share=2.0)
    with pytest.raises(HostError, match="writes: -1 is not 0"):
        Tuning(writes=-1)


def left_by(network: Any, budget: int) -> tuple[float, int]:
    """Mean error that rewriting leaves on four chips, and the fewest writes of one."""
    given, errors, spent = rows_of(network), [], []
    for seed in range(4):
        chip = chip_of(network, seed=seed)
        spent.append(rewrite_layer(chip, 0, given, TUNING, budget))
        errors.append(error(chip, given))
    return float(np.mean(errors)), min(spent)


def test_the_last_writes_mend_bad_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    mended, _ = left_by(one_layer(25, 12), 720)
    assert mended < 0.06
    monkeypatch.setattr(layerwise, "REPAIR", 0.0)
    assert mended < 0.75 * left_by(one_layer(25, 12), 720)[0]


def test_columns_of_few_cells_do_not_stall() -> None:
    # A round that plans nothing must not end the rewriting: the next one hopes for less.
    left, spent = left_by(one_layer(10, 6), 1200)
    assert spent > 400 and left < 0.035
