"""Variation-aware training for one cell a weight: the baseline. Labels only, cells drawn anew within every batch.

Any Keras model: its Dense and Conv2D kernels are brought to levels and replaced by drawn cells, everything else is as
it was. Batch normalisation keeps its averages.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from device_models.compile import programming_distribution
from host_tools.backend import keras
from host_tools.data import Dataset
from host_tools.finetune.chip import Technology
from host_tools.finetune.network import Network, read_network
from host_tools.layers import ClampTo
from host_tools.training.augment import Affine, Augment
from host_tools.training.checkpoint import Checkpoint
from host_tools.training.loop import Advance, fit
from host_tools.training.schedules import OneCycle

ops = keras.ops
DRAWS = 1 << 13  # of one level: equal shares of its probability


@dataclass(frozen=True)
class VatRecipe:
    """clip: weight of the outermost level, in standard deviations of a layer's weights, frozen. group: samples that
    share one draw of the cells. ema: decay per step of the average of the weights, which is kept."""

    epochs: int = 15
    batch: int = 128
    group: int = 32
    peak: float = 3e-3
    clip: float = 0.5
    ema: float = 0.9995
    augment: Augment | None = field(default_factory=Affine)

    @classmethod
    def for_data(cls, data: Dataset) -> VatRecipe:
        """Small data sets of small images: more epochs, gentler changes of the images."""
        if len(data.x_train) >= 10_000:
            return cls()
        return cls(epochs=120, batch=64, group=16, peak=1.5e-2, ema=0.99, augment=Affine(8.0, 0.05, 0.5))


class OneCell(keras.Model):  # type: ignore[misc]
    """`inner` with its kernels on single cells: drawn in training, else their levels' values. A gain a column."""

    def __init__(self, inner: Any, technology: Technology, clip: float, draws: int, seed: int) -> None:
        super().__init__(name=f"{inner.name}_one_cell")
        self.inner, self.draws = inner, draws
        self.seeds = keras.random.SeedGenerator(seed)
        self.analog = [layer for layer in inner.layers if hasattr(layer, "kernel")]
        self.limits = [clip * float(np.std(ops.convert_to_numpy(layer.kernel))) for layer in self.analog]
        self.gains = []
        for layer, limit in zip(self.analog, self.limits, strict=True):
            layer.kernel.assign(ops.clip(layer.kernel, -limit, limit))
            layer.kernel.constraint = ClampTo(limit)
            shape = (layer.kernel.shape[-1],)
            self.gains.append(self.add_weight(name=f"{layer.name}_gain", shape=shape, initializer="ones"))
        self.value, self.borders, self.table = _tables(technology)

    def call(self, x: Any, training: bool | None = None) -> Any:
        if not training:
            return self._run(x, False)
        groups = ops.split(x, self.draws, axis=0)
        return ops.concatenate([self._run(group, True) for group in groups], axis=0)

    def _run(self, x: Any, drawn: bool) -> Any:
        kernels = {id(layer.kernel): self._kernel(i, drawn) for i, layer in enumerate(self.analog)}
        variables = [kernels.get(id(v), v) for v in self.inner.trainable_variables]
        fixed = self.inner.non_trainable_variables
        return self.inner.stateless_call(variables, fixed, x, training=False)[0]

    def _kernel(self, i: int, drawn: bool) -> Any:
        w, limit = ops.convert_to_tensor(self.analog[i].kernel), self.limits[i]
        level = ops.digitize(w / limit, self.borders)
        if not drawn:
            return ops.take(ops.convert_to_tensor(self.value * np.float32(limit)), level) * self.gains[i]
        pick = keras.random.randint(w.shape, 0, DRAWS, seed=self.seeds)
        cell = ops.take(ops.convert_to_tensor(self.table), level * DRAWS + pick, axis=0)
        followed = w * cell[..., 1]
        return (followed + ops.stop_gradient(cell[..., 0] * limit - followed)) * self.gains[i]

    def as_network(self) -> Network:
        """What is to be written: the trained weights, gains and biases."""
        network = read_network(self.inner, 1.0)
        own = {layer.name: i for i, layer in enumerate(self.analog)}
        layers = list(network.layers)
        for node in network.nodes:
            if node.layer >= 0:
                i = own[node.name]
                gain = np.asarray(ops.convert_to_numpy(self.gains[i]), np.float32)
                layer = layers[node.layer]
                layers[node.layer] = replace(layer, clip=self.limits[i], gain=layer.gain * gain)
        return replace(network, layers=tuple(layers))


def _tables(technology: Technology) -> tuple[Any, list[float], Any]:
    """Values [L], their borders, and [L DRAWS, 2]: drawn cells and what a small change of the target does to each."""
    profile = technology.profile
    half = (profile.g_max_uS - profile.g_min_uS) / 2
    middle = (profile.g_max_uS + profile.g_min_uS) / 2
    share = (np.arange(DRAWS) + 0.5) / DRAWS
    g = np.stack([programming_distribution(profile, level).ppf(share) for level in range(profile.n_levels)])
    slope = np.gradient(g, np.array(profile.levels.conductance_uS), axis=0)
    cells = np.stack([(g - middle) / half, slope], axis=-1).reshape(-1, 2).astype(np.float32)
    exact = (np.array(profile.levels.conductance_uS) - middle) / half
    return exact.astype(np.float32), [float(b) for b in (exact[1:] + exact[:-1]) / 2], cells


def train_vat(
    data: Dataset, model: Any, technology: Technology, recipe: VatRecipe, seed: int, advance: Advance,
    checkpoint: Checkpoint | None = None,
) -> Network:  # fmt: skip
    """The trained network; `advance` is called with a total of recipe.epochs."""
    rest, _, _ = data.validation()
    inner = keras.models.clone_model(model)
    inner.set_weights(model.get_weights())
    draws = max(1, min(recipe.batch, len(rest.y_train)) // recipe.group)
    vat = OneCell(inner, technology, recipe.clip, draws, seed)
    batch = draws * min(recipe.group, len(rest.y_train))
    rate = OneCycle(recipe.peak, recipe.epochs * (len(rest.y_train) // batch))
    vat.compile(keras.optimizers.Adam(rate), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    fit(
        vat, rest, epochs=recipe.epochs, batch=batch, augment=recipe.augment, seed=seed, advance=advance,
        ema=recipe.ema, checkpoint=checkpoint,
    )  # fmt: skip
    return vat.as_network()
