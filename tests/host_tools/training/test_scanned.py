"""An epoch in one call of JAX ends where single steps end: weights, average, statistics, losses."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="needs the host extra")

ROOT = Path(__file__).parents[3]

SCRIPT = """
import json
import numpy as np
from host_tools.backend import keras
from host_tools.conversion import Conversion, convert
from host_tools.training.augment import Affine, CropFlip
from host_tools.training.scanned import ScannedEpochs
from host_tools.training.schedules import OneCycle
from host_tools.training.steps import Average, StepByStep
from host_tools.training.teaching import DistillationLoss, Pair
from host_tools.training.optimizers import make_optimizer
from tests.host_tools.networks import SHAPE, data
layers, corners = keras.layers, data(120)

def pair(optimizer):
    inputs = layers.Input(SHAPE)
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, kernel_initializer=keras.initializers.HeUniform(1))(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dense(4, kernel_initializer=keras.initializers.HeUniform(2))(layers.Flatten()(layers.MaxPooling2D(4)(x)))
    teacher = keras.Model(inputs, x, name="net")
    found = Pair(convert(teacher, "techA", options=Conversion(draws=2, clip=1.5)), teacher, 0.1)
    found.compile(make_optimizer(optimizer, OneCycle(0.01, 18), 1e-3), DistillationLoss(0.5, 2.0))
    return found

def trained(kind, augment, optimizer):
    model, rng = pair(optimizer), np.random.default_rng(3)
    when = Average(0.9, 18)
    steps, losses = kind(model, corners, augment, when), []
    for epoch in range(3):
        model.reset_metrics()
        rows = rng.permutation(120).reshape(6, 20)
        losses += list(steps.epoch(rows, rng, 6 * epoch))
    return losses, model.get_weights(), steps.average

for augment, optimizer in ((Affine(8.0, 0.05, 0.5), "adam"), (CropFlip(2), "sgd"), (None, "sgd")):
    one, all_ = (trained(kind, augment, optimizer) for kind in (StepByStep, ScannedEpochs))
    np.testing.assert_allclose(one[0], all_[0], rtol=2e-4)
    for part in (1, 2):
        assert len(one[part]) == len(all_[part]) > 3
        for a, b in zip(one[part], all_[part]):
            np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-5)
print(json.dumps([keras.backend.backend(), one[0][0], one[0][-1]]))
"""


@pytest.mark.slow
def test_a_scanned_epoch_ends_where_single_steps_end() -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed (it is in the dev extra)")
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, cwd=ROOT, text=True, capture_output=True,
                          timeout=250)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    backend, first, last = json.loads(done.stdout.splitlines()[-1])
    assert backend == "jax" and last < first
