"""From gradients to changes of the correction: the optimisers, and the grid of codes (docs/numerics.md, section 5)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.correction import AdaptConfig, Correction, LayerCorrection, count_numbers, nothing
from firmware_py.draws import Purpose, words
from firmware_py.errors import RramError
from firmware_py.integer import refuse_integer

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Gradients:
    """dLoss by gain [N], offset [N], value [entries], a [K, rank], b [rank, N] of one layer, float32."""

    gain: F32
    offset: F32
    value: F32
    a: F32 = field(default_factory=nothing)
    b: F32 = field(default_factory=nothing)


def check_learning(bundle: Bundle, correction: Correction, frozen: int, adapt: AdaptConfig) -> None:
    """RramError where nothing can learn (integers, every layer frozen), and where the optimiser has no memory in the
    last layer: `initial_correction` was not told of it."""
    refuse_integer(bundle.nodes, "learn")
    if frozen >= len(bundle.layers):
        raise RramError(f"learn: {frozen} frozen layers given, expected at most {len(bundle.layers) - 1}")
    last = correction.layers[-1]
    sizes = {"momentum": last.velocity.size, "rls": last.covariance.size}
    if sizes.get(adapt.optimizer) == 0:
        given = f"{adapt.optimizer!r} given, but this correction was made without room for its state"
        raise RramError(f"adapt: optimizer: {given}")


def update(layer: AnalogLayer, correction: LayerCorrection, g: Gradients, step: int, adapt: AdaptConfig,
           uniform: F64 | None = None, solved: bool = False) -> None:  # fmt: skip
    """Change all numbers of a layer in place by one step, each scaled by its prior; what would not be finite stays.

    uniform: from [0, 1), one for each number of the layer, for stochastic rounding. solved: `g` are steps in prior
    deviations already (firmware_py.rls).
    """
    first, scales = 0, step_scales(layer) + (() if solved else low_rank_scales(correction))
    for group, (name, sv) in enumerate(zip(("gain", "offset", "value", "a", "b"), scales, strict=False)):
        natural, place = getattr(g, name).reshape(-1) * (1 if solved else sv), slice(first, first + sv.size)
        first += sv.size
        if natural.size == 0:
            continue
        factor = np.float32(1 if solved else adapt.rate(step))
        if adapt.optimizer == "sign":
            natural = np.sign(natural)
        if adapt.optimizer == "momentum":
            natural = accelerate(correction.velocity[place], natural, adapt.beta)
        if adapt.optimizer == "rms" or (adapt.optimizer == "rls" and not solved):
            wide = natural.astype(np.float64)
            mean = np.cumsum(wide * wide)[-1] / natural.size  # in order
            if not np.isfinite(mean):
                continue
            old = correction.ms[group]
            correction.ms[group] = mean if old == 0 else adapt.beta * old + (1 - adapt.beta) * mean
            factor = np.float32(adapt.rate(step) / (np.sqrt(correction.ms[group]) + 1e-12))
        change, code = factor * (sv * natural), getattr(layer.sram, name)
        parameter = getattr(correction, name).reshape(-1)
        if adapt.in_codes and code.bits < 32:
            parameter[...] = code.move(parameter, change, None if uniform is None else uniform[place])
            continue
        moved = parameter - change
        np.copyto(parameter, moved, where=np.isfinite(moved))


def uniforms(seed: int, index: int, layer: AnalogLayer, read: int, adapt: AdaptConfig) -> F64 | None:
    """What stochastic rounding of analog layer number `index` draws in the step of this read, [numbers]; else None."""
    if adapt.rounding != "stochastic" or not layer.sram.packed:
        return None
    drawn = words(seed, Purpose.ROUND, index, count_numbers(layer), read)
    return drawn.astype(np.float64) * 2.0**-32


def accelerate(velocity: F32, natural: F32, beta: float) -> F32:
    """The running mean of natural gradients, in place in `velocity`; one that is not finite does not enter it."""
    mean = np.float32(beta) * velocity + np.float32(1 - beta) * natural
    np.copyto(velocity, mean, where=np.isfinite(mean))
    return velocity


def step_scales(layer: AnalogLayer) -> tuple[F32, F32, F32]:
    """Prior step scales of gain, offset and mask values, float32."""
    gain = np.float32(0.1) * np.abs(layer.gain)
    offset = np.float32(0.1) * layer.y_std
    value = np.exp2(layer.mask_lr_exp.astype(np.float64) / 2).astype(np.float32)
    return gain, offset, value


def low_rank_scales(correction: LayerCorrection) -> tuple[F32, F32]:
    """Step scales of A [K rank] and B [rank N] as they are: a tenth of the root mean square of A's column, B's row."""

    def tenth(rows: F32) -> F32:
        squares = np.cumsum(rows.astype(np.float64) ** 2, axis=1)[:, -1:]  # in order
        scale: F32 = (0.1 * np.sqrt(squares / rows.shape[1])).astype(np.float32)
        return scale

    a, b = correction.a, correction.b
    if a.size == 0:
        return nothing().reshape(-1), nothing().reshape(-1)
    return np.broadcast_to(tenth(a.T).T, a.shape).reshape(-1), np.broadcast_to(tenth(b), b.shape).reshape(-1)
