"""What every layer on RRAM pairs shares: latent weights, levels, draws of the cells, a gain and a bias per column.

Training: the latent weight is brought to its level and replaced by a freshly drawn pair; the batch falls into `draws`
groups, and each group sees cells of its own. The gradient goes straight through the rounding (Bengio 2013), times what
the drawn cell makes of a change of its weight: so training learns that a strong weight is also a noisy one. Inference:
the levels' exact values, no noise.

    y = gain * (x . W) + bias

W is in units of weight: a pair at signed level k stands for w_clip * value[|k|] * sign(k).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.backend import keras
from host_tools.layers.cells import PAIRS, pair_table

ops = keras.ops


@keras.saving.register_keras_serializable(package="rram_edge")
class ClampTo(keras.constraints.Constraint):  # type: ignore[misc]
    """Keep every weight within -limit .. limit: what the outermost level stands for."""

    def __init__(self, limit: float) -> None:
        self.limit = limit

    def __call__(self, w: Any) -> Any:
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self) -> dict[str, Any]:
        return {"limit": self.limit}


class RRAMLayer(keras.layers.Layer):  # type: ignore[misc]
    """What both layers share: latent weights, levels, draws, a gain and a bias per column.

    profile: a DeviceProfile as JSON types. w_clip: the weight of the outermost level. draws: groups of a training
    batch, each with its own cells; the batch must be a multiple. seed: of the draws. exact_share: share of the draws
    in which the weights under `exact_mask` are taken as exact (correction values stand there on the board); the mask
    starts empty.
    """

    def __init__(
        self,
        profile: dict[str, Any],
        w_clip: float,
        draws: int = 1,
        seed: int = 0,
        exact_share: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.profile, self.w_clip, self.draws = profile, float(w_clip), draws
        self.seed, self.exact_share = seed, exact_share
        self.table = pair_table(profile)
        self.seeds = keras.random.SeedGenerator(seed)

    def add_pairs(self, shape: tuple[int, ...]) -> None:
        """Create the weights; `shape` is the kernel's, columns last."""
        columns = (shape[-1],)
        self.kernel = self.add_weight(
            name="kernel",
            shape=shape,
            constraint=ClampTo(self.w_clip),
            initializer=keras.initializers.GlorotUniform(seed=self.seed),
        )
        self.gain = self.add_weight(name="gain", shape=columns, initializer="ones")
        self.bias = self.add_weight(name="bias", shape=columns, initializer="zeros")
        self.exact_mask = self.add_weight(name="exact_mask", shape=shape, initializer="zeros", trainable=False)

    def signed_levels(self) -> NDArray[np.int64]:
        """Signed level of every pair, -(L-1) to L-1, kernel's shape."""
        w = np.asarray(ops.convert_to_numpy(self.kernel.value), dtype=np.float32)
        magnitude = np.digitize(np.abs(w) / np.float32(self.w_clip), np.array(self.table.borders, dtype=np.float32))
        return (np.sign(w) * magnitude).astype(np.int64)

    def clean_kernel(self) -> NDArray[np.float32]:
        """The weights that the levels stand for, and the latent ones under the mask: what inference uses."""
        k = self.signed_levels()
        w = np.sign(k) * self.table.values[np.abs(k)] * np.float32(self.w_clip)
        exact = np.asarray(ops.convert_to_numpy(self.exact_mask.value)) > 0
        return np.where(exact, ops.convert_to_numpy(self.kernel.value), w).astype(np.float32)

    def drawn_kernel(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """The weights of one chip, drawn by `rng`; the mask's pairs are drawn as the others."""
        k = self.signed_levels()
        chosen = self.table.draws[k + self.table.levels - 1, rng.integers(0, PAIRS, k.shape)]
        return (chosen * np.float32(self.w_clip)).astype(np.float32)

    def _levels(self) -> tuple[Any, Any]:
        w = ops.convert_to_tensor(self.kernel)
        magnitude = ops.digitize(ops.abs(w) / self.w_clip, self.table.borders)
        return w, magnitude * ops.cast(ops.sign(w), "int32")

    def _clean(self) -> Any:
        w, k = self._levels()
        values = np.concatenate([-self.table.values[:0:-1], self.table.values]) * np.float32(self.w_clip)
        quantised = ops.take(ops.convert_to_tensor(values), k + (self.table.levels - 1))
        return ops.where(self.exact_mask > 0, w, quantised)

    def _drawn(self) -> Any:
        """[draws, *kernel]: a kernel for each group; a gradient reaches the latent weight times its cell's slope."""
        w, k = self._levels()
        picks = keras.random.randint((self.draws, *self.kernel.shape), 0, PAIRS, seed=self.seeds)
        # Draw and slope side by side: one look-up, which is most of a step's cost, fetches both.
        table = np.stack([self.table.draws.ravel() * np.float32(self.w_clip), self.table.slopes.ravel()], axis=1)
        drawn = ops.take(ops.convert_to_tensor(table), (k + (self.table.levels - 1)) * PAIRS + picks, axis=0)
        followed = w * drawn[..., 1]
        error = drawn[..., 0] - followed
        if self.exact_share > 0:
            exact_draw = np.arange(self.draws).reshape(-1, *[1] * len(k.shape)) < round(self.exact_share * self.draws)
            exact = ops.logical_and(self.exact_mask > 0, ops.convert_to_tensor(exact_draw))
            followed, error = ops.where(exact, w, followed), ops.where(exact, 0.0, error)
        return followed + ops.stop_gradient(error)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "profile": self.profile,
            "w_clip": self.w_clip,
            "draws": self.draws,
            "seed": self.seed,
            "exact_share": self.exact_share,
        }
