"""The baseline: what a step sees of one cell a weight, what is written in the end, and a training that is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from dataclasses import replace

from host_tools.backend import keras
from host_tools.finetune.prepare import make_job, with_vat
from host_tools.finetune.tuning import Tuning
from host_tools.finetune.vat import OneCell, VatRecipe, train_vat
from host_tools.training.checkpoint import Checkpoint
from host_tools.training.loop import Diverged
from tests.host_tools import networks
from tests.host_tools.finetune.nets import technology

DATA = networks.data(160)
RECIPE = VatRecipe(epochs=2, batch=32, group=16, augment=None)


def quiet(amount: float, note: str) -> None:
    """No bar."""


def test_drawn_cells_have_the_profiles_mean_and_spread_and_inference_has_none() -> None:
    model = networks.chain(networks.L.Flatten(), networks.L.Dense(40, name="fc"))
    sheet, kernel = technology(), np.asarray(model.layers[-1].kernel)
    vat = OneCell(model, sheet, 0.8, draws=1, seed=3)
    limit = 0.8 * float(kernel.std())
    assert vat.limits == pytest.approx([limit], rel=1e-5)
    level = sheet.nearest(np.clip(kernel, -limit, limit) / limit)
    clean = keras.ops.convert_to_numpy(vat._kernel(0, False))
    np.testing.assert_allclose(clean, sheet.value[level] * limit, atol=1e-3 * limit)
    draws = np.stack([keras.ops.convert_to_numpy(vat._kernel(0, True)) for _ in range(60)]) / limit
    top = draws[:, level == 9]
    assert top.mean() == pytest.approx(float(sheet.value[9]), abs=5 * float(sheet.sd[9]) / np.sqrt(top.size))
    assert top.std() == pytest.approx(float(sheet.sd[9]), rel=0.05)


def test_the_trained_network_is_what_inference_computes_before_levels() -> None:
    model = networks.conv_net()
    vat = OneCell(model, technology(), 1.0, draws=1, seed=0)
    for gain in vat.gains:
        gain.assign(np.linspace(0.8, 1.2, gain.shape[0]))
    network = vat.as_network()
    sheet, x = technology(), DATA.x_test[:5].astype(np.float32) / 255

    def levelled(i: int, rows: Any) -> Any:
        layer = network.layers[i]
        w = sheet.value[sheet.nearest(layer.weights / np.float32(layer.clip))] * np.float32(layer.clip)
        return rows @ w * layer.gain + layer.bias

    np.testing.assert_allclose(network.forward(x, levelled).logits, keras.ops.convert_to_numpy(vat(x)), atol=2e-2)


def test_a_training_is_kept_and_an_interrupted_one_goes_on(tmp_path: Path) -> None:
    model = networks.conv_net()
    job = replace(make_job(model, DATA, technology().profile, Tuning(images=64)), technology=technology())
    whole = with_vat(job, model, DATA, RECIPE, 0, tmp_path / "a").vat
    again = with_vat(job, model, DATA, RECIPE, 0, tmp_path / "a").vat
    assert whole is not None and again is not None and len(list((tmp_path / "a").iterdir())) == 1
    np.testing.assert_array_equal(whole.layers[0].weights, again.layers[0].weights)

    def stopped(amount: float, note: str) -> None:
        if "epoch 2" in note:
            raise Diverged("stop")

    partial = Checkpoint(tmp_path / "p.npz", "key")
    with pytest.raises(Diverged):
        train_vat(DATA, model, technology(), RECIPE, 0, stopped, partial)
    assert partial.path.exists()
    found = train_vat(DATA, model, technology(), RECIPE, 0, quiet, partial)
    for a, b in zip(whole.layers, found.layers, strict=True):
        np.testing.assert_allclose(a.weights, b.weights, atol=1e-5)
        np.testing.assert_allclose(a.gain, b.gain, atol=1e-5)
