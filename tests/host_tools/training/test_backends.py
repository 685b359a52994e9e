"""The same layers, losses and loop on TensorFlow and on JAX: the same answers, and a student that learns on both."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

ROOT = Path(__file__).parents[3]
OTHER = {"tensorflow": "jax", "jax": "tensorflow"}

# Runs under either backend: answers of a saved student, and a short distillation that must learn.
SCRIPT = """
import json, sys
import numpy as np
from host_tools.backend import keras
from host_tools.record import load_model
from host_tools.training.distill import distill
from host_tools.training.loop import accuracy
from host_tools.training.recipes import StudentRecipe
from device_models.profile import DeviceProfile
from tests.host_tools.networks import data
folder = sys.argv[1]
student, x = load_model(folder + "/student.keras"), np.load(folder + "/x.npy")
corners = data(200)
recipe = StudentRecipe(epochs=16, kd=0.1, temperature=1.0, batch=40, group=10, clip=1.5, peak=0.01, ema=0.9,
                       augment=None, features=1e-3, quantizer="stochastic",
                       learn_clip=True, ramp=0.5)
trained, record = distill(corners, load_model(folder + "/teacher.keras"), DeviceProfile.load("techA"), recipe, 1,
                          lambda amount, note: None)
print(json.dumps({"backend": keras.backend.backend(),
                  "answers": np.asarray(student(x, training=False)).tolist(),
                  "on_chips": float(np.mean(record["validation_on_chips"]))}))
"""


def run(backend: str, folder: Path) -> dict[str, Any]:
    environment = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(folder)], env=environment, cwd=ROOT, text=True,
                          capture_output=True, timeout=250)  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert result["backend"] == backend
    return result


@pytest.mark.slow
def test_both_backends_answer_alike_and_learn(tmp_path: Path) -> None:
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed (it is in the dev extra)")
    from host_tools.backend import keras
    from host_tools.conversion import Conversion, convert
    from tests.host_tools.networks import SHAPE

    layers = keras.layers
    keras.utils.set_random_seed(0)
    inputs = layers.Input(SHAPE)
    x = layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", use_bias=False)(inputs))
    x = layers.ReLU()(layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)]))
    x = layers.MaxPooling2D(4)(x)
    teacher = keras.Model(inputs, layers.Dense(4)(layers.Flatten()(x)), name="net")
    teacher.save(tmp_path / "teacher.keras")
    convert(teacher, "techA", options=Conversion(draws=2)).save(tmp_path / "student.keras")
    np.save(tmp_path / "x.npy", np.random.default_rng(0).uniform(0, 1, (5, *SHAPE)).astype(np.float32))
    results = [run(backend, tmp_path) for backend in ("tensorflow", "jax")]
    np.testing.assert_allclose(results[0]["answers"], results[1]["answers"], atol=1e-4)
    on_chips = [result["on_chips"] for result in results]  # of four classes; the teacher is untrained
    assert min(on_chips) > 90, on_chips
