"""A job from a model, a data set and a profile: clips, images, and the VAT baseline (kept once trained)."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from device_models.profile import DeviceProfile
from host_tools import console
from host_tools.data import Dataset
from host_tools.errors import HostError
from host_tools.finetune.chip import Technology
from host_tools.finetune.from_keras import read_network
from host_tools.finetune.methods import Job
from host_tools.finetune.network import Network
from host_tools.finetune.tuning import Tuning


@dataclass(frozen=True)
class Mapping:
    """clip: weight of the outermost level, in standard deviations of a layer's ideal weights. Both chosen on the
    validation part of MNIST (docs/finetune.md)."""

    clip: float = 1.0

    def clips(self, network: Network) -> list[float]:
        """Of each layer, in weights; HostError for a layer of equal weights."""
        for layer in network.layers:
            if not float(layer.kernel.std()) > 0:
                raise HostError(f"model {network.name}: layer {layer.name}: all weights are the same")
        return [self.clip * float(layer.kernel.std()) for layer in network.layers]


def make_job(
    model: Any, data: Dataset, profile: DeviceProfile, tuning: Tuning, mapping: Mapping, images: int | None = None
) -> Job:
    """Chips learn from the training part less validation's; they are judged by the test part (its first `images`)."""
    network = read_network(model)
    if tuple(model.input_shape[1:]) != data.shape or model.output_shape[-1] != len(data.classes):
        raise HostError(
            f"model {network.name}: takes {tuple(model.input_shape[1:])} to {model.output_shape[-1]} classes, "
            f"expected {data.shape} to {len(data.classes)} as data set {data.name}"
        )
    rest, _, _ = data.validation()
    if tuning.images > len(rest.x_train):
        tuning = replace(tuning, images=len(rest.x_train))
    return Job(network, mapping.clips(network), Technology.of(profile), tuning, rest.x_train, rest.y_train,
               data.x_test[:images], data.y_test[:images])  # fmt: skip


def with_vat(job: Job, model: Any, data: Dataset, recipe: Any, seed: int, cache: Path | None) -> Job:
    """The job with the baseline trained, or taken from `cache` where the same one was trained before."""
    from host_tools.finetune.vat import train_vat

    path = None if cache is None else cache / f"{_key(job, data, recipe, seed)}.npz"
    if path is not None and path.exists():
        return replace(job, vat=_loaded(path, job.network))
    with console.progress("training VAT", recipe.epochs) as bar:
        network, clip = train_vat(data, model, job.technology, recipe, seed, bar.advance)
    if path is not None:
        _save(path, network, clip)
    return replace(job, vat=(network, clip))


def _key(job: Job, data: Dataset, recipe: Any, seed: int) -> str:
    h = hashlib.sha256()
    for layer in job.network.layers:
        h.update(layer.kernel.tobytes())
    h.update(data.x_train.tobytes())
    h.update(json.dumps([job.technology.profile.to_json(), asdict(recipe), seed], sort_keys=True).encode())
    h.update((Path(__file__).parent / "vat.py").read_bytes())
    return f"vat-{job.network.name}-{h.hexdigest()[:12]}"


def _save(path: Path, network: Network, clip: Sequence[float]) -> None:
    arrays = {f"{key}{i}": getattr(layer, key) for i, layer in enumerate(network.layers)
              for key in ("kernel", "gain", "bias")}  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".npz", dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        np.savez(file, clip=np.array(clip), **arrays)  # type: ignore[arg-type]
    os.replace(name, path)


def _loaded(path: Path, network: Network) -> tuple[Network, list[float]]:
    with np.load(path) as arrays:
        layers = tuple(replace(layer, **{key: arrays[f"{key}{i}"] for key in ("kernel", "gain", "bias")})
                       for i, layer in enumerate(network.layers))  # fmt: skip
        return replace(network, layers=layers), [float(c) for c in arrays["clip"]]
