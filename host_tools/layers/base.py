"""What every layer on RRAM pairs shares: latent weights, levels, draws of the cells, a gain and a bias per column.

Training: the latent weight is brought to its level and replaced by a freshly drawn pair; the batch falls into `draws`
groups, and each group sees cells of its own. The gradient goes straight through the rounding (Bengio 2013), times what
the drawn cell makes of a change of its weight: so training learns that a strong weight is also a noisy one. Inference:
the levels' exact values, no noise.

    y = gain * (x . W) + bias, then the activation

W is in units of weight: a pair at signed level k stands for w_clip * value[|k|] * sign(k).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.layers.cells import PAIRS, pair_table
from host_tools.layers.quantisers import quantiser

ops = keras.ops
FIT_FLOOR = 1e-3  # variance of a column, in units of the layer's mean, below which a fitted gain stays at 1
LEAST_CLIP = 0.01  # of the first clip: a learned one does not fall below
Gradient = Literal["slope", "straight-through"]


@keras.saving.register_keras_serializable(package="rram_edge")
class ClampTo(keras.constraints.Constraint):  # type: ignore[misc]
    """Keep every weight within -limit .. limit: what the outermost level stands for. Where `mask` > 0 an SRAM value
    adds to the cells, and the weight may go `reach` times as far."""

    def __init__(self, limit: float, mask: Any = None, reach: float = 1.0) -> None:
        self.limit, self.mask, self.reach = limit, mask, reach

    def __call__(self, w: Any) -> Any:
        if self.mask is None or self.reach == 1:
            return ops.clip(w, -self.limit, self.limit)
        limit = self.limit * ops.where(ops.convert_to_tensor(self.mask) > 0, self.reach, 1.0)
        return ops.clip(w, -limit, limit)

    def get_config(self) -> dict[str, Any]:
        return {"limit": self.limit}


class AtLeast(keras.constraints.Constraint):  # type: ignore[misc]
    """Keep a number from falling below `least`."""

    def __init__(self, least: float) -> None:
        self.least = least

    def __call__(self, w: Any) -> Any:
        return ops.maximum(w, self.least)

    def get_config(self) -> dict[str, Any]:
        return {"least": self.least}


class RRAMLayer(keras.layers.Layer):  # type: ignore[misc]
    """What the layers share.

    profile: a DeviceProfile as JSON types. w_clip: the weight of the outermost level. draws: groups of a training
    batch, each with its own cells (1: one chip a step; the batch's size: one a sample); the batch must be a multiple.
    seed: of the draws. exact_share: share of the draws in which the weights under `exact_mask` are taken as exact
    (correction values stand there on the board); the mask starts empty. quantizer: host_tools.layers.quantisers.
    gradient: "slope" (times the drawn cell's own) or plain "straight-through". learn_clip: w_clip is trained, too.
    activation: by its Keras name. Where `varied` is set, the variable `variation` scales the cells' deviations (1: as
    the profile says); where `calibrated` is, each draw's columns are fitted as a board's calibration fits them.
    """

    columns_axes = 1  # how many of the kernel's last axes count its columns

    def __init__(
        self,
        profile: dict[str, Any],
        w_clip: float,
        draws: int = 1,
        seed: int = 0,
        exact_share: float = 0.0,
        quantizer: Any = "nearest",
        gradient: Gradient = "slope",
        learn_clip: bool = False,
        activation: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if gradient not in ("slope", "straight-through"):
            raise HostError(f"gradient: {gradient!r} is unknown, expected 'slope' or 'straight-through'")
        self.profile, self.first_clip, self.draws = profile, float(w_clip), draws
        self.seed, self.exact_share, self.gradient, self.learn_clip = seed, exact_share, gradient, learn_clip
        self.varied = self.calibrated = False
        self.quantizer = quantiser(quantizer)
        self.activation = keras.activations.get(activation)
        self.table = pair_table(profile)
        self.seeds = keras.random.SeedGenerator(seed)

    def add_pairs(self, shape: tuple[int, ...]) -> None:
        """Create the weights; `shape` is the kernel's, columns last."""
        columns = (int(np.prod(shape[-self.columns_axes :])),)
        self.kernel = self.add_weight(
            name="kernel",
            shape=shape,
            constraint=None if self.learn_clip else ClampTo(self.first_clip),
            initializer=keras.initializers.GlorotUniform(seed=self.seed),
        )
        self.gain = self.add_weight(name="gain", shape=columns, initializer="ones")
        self.bias = self.add_weight(name="bias", shape=columns, initializer="zeros")
        self.exact_mask = self.add_weight(
            name="exact_mask", shape=shape, initializer="zeros", dtype="uint8", trainable=False
        )
        self.variation = self.add_weight(name="variation", shape=(), initializer="ones", trainable=False)
        self.clip = self.add_weight(
            name="clip",
            shape=(),
            initializer=keras.initializers.Constant(self.first_clip),
            constraint=AtLeast(LEAST_CLIP * self.first_clip),  # weights are divided by it
            trainable=self.learn_clip,
        )

    @property
    def w_clip(self) -> float:
        """The weight that the outermost level stands for."""
        return float(ops.convert_to_numpy(self.clip.value)) if self.learn_clip and self.built else self.first_clip

    def reach_further(self, reach: float, wanted: NDArray[np.float32] | None = None) -> None:
        """Let weights under the mask go to `reach` times the outermost level's: their SRAM values make up for it. They
        begin at `wanted` (kernel's shape, column gain included) where it is given."""
        if self.learn_clip:
            return
        self.kernel.constraint = ClampTo(self.first_clip, self.exact_mask, reach)
        if wanted is not None:
            gain = ops.convert_to_numpy(self.gain.value).reshape(wanted.shape[-self.columns_axes :])
            masked, kernel = (ops.convert_to_numpy(v.value) for v in (self.exact_mask, self.kernel))
            began = np.where(masked > 0, wanted / gain, kernel).astype(np.float32)
            self.kernel.assign(self.kernel.constraint(began))

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

    def finish(self, product: Any) -> Any:
        """Gain, bias and activation, columns last."""
        return self.activation(product * self.gain + self.bias)

    def fitted(self, product: Any, clean: Any) -> Any:
        """Each draw's columns with the gain and the offset that bring them nearest to the noise-free `clean` ones.

        That is what calibration does on a chip (docs/calibration.md), so what the mean of the inputs carries through
        the cells' errors is gone before the next layer. Both [samples, ..., columns], draw by draw. Where the mask is
        exact in a share of the draws only, these are the chips that are calibrated; the others stay as they are.
        """
        u, y = (ops.reshape(z, (self.draws, -1, z.shape[-1])) for z in (product, clean))
        mean_u, mean_y = (ops.mean(z, axis=1, keepdims=True) for z in (u, y))
        u, y = u - mean_u, y - mean_y
        both, own = (ops.mean(z, axis=1, keepdims=True) for z in (u * y, u * u))
        least = FIT_FLOOR * ops.mean(own, axis=-1, keepdims=True) + 1e-12  # a silent column keeps its gain
        fit = (both + least) / (own + least) * u + mean_y
        if 0 < self.exact_share < 1:
            fit = ops.where(self._exact_draws(3), fit, u + mean_u)
        return ops.reshape(fit, ops.shape(product))

    def _exact_draws(self, rank: int) -> Any:
        """Which draws take the weights under the mask as exact, [draws, 1, ...] of `rank` axes."""
        return np.arange(self.draws).reshape(-1, *[1] * (rank - 1)) < round(self.exact_share * self.draws)

    def _shares(self) -> Any:
        """Latent weights in units of the clip, -1 to 1."""
        share = ops.convert_to_tensor(self.kernel) / self._outermost()
        # A learned clip is pulled at by the weights outside (Choi et al., PACT, 2018); a frozen one clamps the weights.
        return ops.clip(share, -1.0, 1.0) if self.learn_clip else share

    def _outermost(self) -> Any:
        """The clip. All weights pull at a learned one: its gradient is brought to the size of a weight's (Esser et al.,
        LSQ, 2020), so that one learning rate suits both."""
        if not self.learn_clip:
            return self.clip
        share = float(np.prod(self.kernel.shape) * (self.table.levels - 1)) ** -0.5
        return share * self.clip + ops.stop_gradient((1.0 - share) * self.clip)

    def _row(self, share: Any, magnitude: Any) -> Any:
        row = magnitude * ops.cast(ops.sign(share), "int32") + (self.table.levels - 1)
        return ops.clip(row, 0, 2 * self.table.levels - 2)  # what is no number has a row, too: the loss tells of it

    def _values(self, row: Any) -> Any:
        return ops.take(ops.convert_to_tensor(np.concatenate([-self.table.values[:0:-1], self.table.values])), row)

    def _clean(self) -> Any:
        share = self._shares()
        values = self._values(self._row(share, ops.digitize(ops.abs(share), self.table.borders)))
        return ops.where(self.exact_mask > 0, share, values) * self._outermost()

    def _followed(self) -> Any:
        """The noise-free kernel; a gradient reaches the latent weight straight through."""
        share = self._shares() * self._outermost()
        return share + ops.stop_gradient(self._clean() - share)

    def _drawn(self) -> Any:
        """[draws, *kernel]: a kernel for each group; a gradient reaches the latent weight times its cell's slope."""
        share = self._shares()
        magnitude = self.quantizer.levels(ops.abs(share), [float(v) for v in self.table.values], self.seeds)
        row = ops.stop_gradient(self._row(share, magnitude))
        picks = keras.random.randint((self.draws, *self.kernel.shape), 0, PAIRS, seed=self.seeds)
        # Draw and slope side by side: one look-up, which is most of a step's cost, fetches both.
        table = np.stack([self.table.draws.ravel(), self.table.slopes.ravel()], axis=1)
        looked_up = ops.take(ops.convert_to_tensor(table), row * PAIRS + picks, axis=0)
        drawn, slope = looked_up[..., 0], looked_up[..., 1]
        if self.varied:
            clean = self._values(row)
            drawn, slope = clean + self.variation * (drawn - clean), 1.0 + self.variation * (slope - 1.0)
        if self.gradient == "straight-through":
            slope = ops.ones_like(drawn)
        followed = share * slope
        error = ops.stop_gradient(drawn - followed)
        if self.exact_share > 0:
            exact = ops.logical_and(self.exact_mask > 0, ops.convert_to_tensor(self._exact_draws(len(row.shape) + 1)))
            followed, error = ops.where(exact, share, followed), ops.where(exact, 0.0, error)
        return (followed + error) * self._outermost()

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "profile": self.profile,
            "w_clip": self.first_clip,
            "draws": self.draws,
            "seed": self.seed,
            "exact_share": self.exact_share,
            "quantizer": keras.saving.serialize_keras_object(self.quantizer),
            "gradient": self.gradient,
            "learn_clip": self.learn_clip,
            "activation": keras.activations.serialize(self.activation),
        }
