"""A job from a model, a data set and a profile: images to learn from, to be judged by, and the VAT baseline."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from device_models.profile import DeviceProfile
from host_tools import console
from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.finetune.chip import Technology
from host_tools.finetune.methods import Job
from host_tools.finetune.network import Network, read_network
from host_tools.finetune.tuning import Tuning
from host_tools.training.checkpoint import Checkpoint

VERSION = 1  # raise it where the code of the baseline's training changes what comes out of it
CLIP_SD = 1.3  # weight of the outermost level, in standard deviations of a layer's weights; docs/finetune.md
Part = Literal["test", "validation"]


def make_job(
    model: Any, data: Dataset, profile: DeviceProfile, tuning: Tuning, clip_sd: float = CLIP_SD,
    images: int | None = None, part: Part = "test",
) -> Job:  # fmt: skip
    """Chips learn from the training part less validation's; they are judged by (the first `images` of) `part`."""
    network = read_network(model, clip_sd)
    if tuple(model.input_shape[1:]) != data.shape or model.output_shape[-1] != len(data.classes):
        raise HostError(
            f"model {network.name}: takes {tuple(model.input_shape[1:])} to {model.output_shape[-1]} classes, "
            f"expected {data.shape} to {len(data.classes)} as data set {data.name}"
        )
    rest, x, y = data.validation()
    if part == "test":
        x, y = data.x_test, data.y_test
    if tuning.images > len(rest.x_train):
        tuning = replace(tuning, images=len(rest.x_train))
    return Job(network, Technology.of(profile), tuning, rest.x_train, rest.y_train, x[:images], y[:images])


def with_vat(job: Job, model: Any, data: Dataset, recipe: Any, seed: int, cache: Path) -> Job:
    """The job with the baseline, taken from `cache` where the same one was trained before; an interrupted training is
    gone on with."""
    from host_tools.finetune.vat import train_vat

    key = _key(job, data, recipe, seed)
    path = cache / f"vat-{job.network.name}-{key}.npz"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        console.say(f"{path.name} is trained now, and kept in {cache}")
        partial = Checkpoint(path.with_name(f"{path.name}.partial.npz"), key)
        with console.progress("training VAT", recipe.epochs) as bar, partial.kept(console.say):
            network = train_vat(data, model, job.technology, recipe, seed, bar.advance, partial)
        _save(path, network)
        partial.clear()
    return replace(job, vat=_loaded(path, job.network))


def _key(job: Job, data: Dataset, recipe: Any, seed: int) -> str:
    h = hashlib.sha256(data.fingerprint.encode())
    for layer in job.network.layers:
        h.update(layer.weights.tobytes())
    what = [job.technology.profile.to_json(), asdict(recipe), seed, VERSION]
    h.update(json.dumps(what, sort_keys=True).encode())
    return h.hexdigest()[:12]


def _save(path: Path, network: Network) -> None:
    arrays = {f"{key}{i}": getattr(layer, key) for i, layer in enumerate(network.layers)
              for key in ("weights", "clip", "gain", "bias")}  # fmt: skip
    handle, name = tempfile.mkstemp(suffix=".npz", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        np.savez(file, **arrays)
    os.replace(name, path)


def _loaded(path: Path, network: Network) -> Network:
    with np.load(path) as arrays:
        layers = tuple(
            replace(layer, clip=float(arrays[f"clip{i}"]),
                    **{key: arrays[f"{key}{i}"] for key in ("weights", "gain", "bias")})
            for i, layer in enumerate(network.layers)
        )  # fmt: skip
    return replace(network, layers=layers)
