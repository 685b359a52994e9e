"""The SRAM correction: all that a chip may change in the field. RRAM cells are never among it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import AnalogLayer, Bundle
from firmware_py.errors import RramError
from firmware_py.guard import Guard
from firmware_py.replay import Replay
from firmware_py.rls import covariance_numbers, first_covariance
from firmware_py.sram import count_bits

F32 = npt.NDArray[np.float32]
Optimizer = Literal["rms", "sgd", "sign", "momentum", "rls"]
OPTIMIZERS: tuple[Optimizer, ...] = get_args(Optimizer)
Rounding = Literal["save", "stochastic", "nearest"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)
MOST_COUNT = 10**18  # of labels and of reads in a saved state: far from where 64 bits end


@dataclass(frozen=True)
class AdaptConfig:
    """How labels change the correction (docs/numerics.md, section 5).

    lr falls linearly over `horizon` labels to `floor` * lr and stays there; `beta` is the memory of RMS's mean square,
    and of momentum's mean gradient. A label takes 1 + `replay.repeats` steps, each at 1 / sqrt(1 + repeats) of that
    rate. guard: which labels are learned at all, and what is undone (None: all, and nothing). rounding: when numbers of
    an SRAM of codes are rounded to them: 'save', float32 until then, or after every step, 'stochastic' or to 'nearest'.
    forgetting, prior: of `rls`, each step's weight of what was known before, and the variance at the start, in squared
    prior deviations. layers: only so many of the last layers learn (None: all); the errors go no further back, which
    saves time and, in the C core, memory.
    """

    optimizer: Optimizer = "rms"
    lr: float = 0.03
    horizon: int = 1000
    floor: float = 0.1
    beta: float = 0.9
    replay: Replay = field(default_factory=Replay)
    guard: Guard | None = field(default_factory=Guard)
    rounding: Rounding = "save"
    forgetting: float = 0.99
    prior: float = 1.0
    layers: int | None = None

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            raise RramError(f"adapt: optimizer: {self.optimizer!r} is not one of {', '.join(OPTIMIZERS)}")
        if self.rounding not in ROUNDINGS:
            raise RramError(f"adapt: rounding: {self.rounding!r} is not one of {', '.join(ROUNDINGS)}")
        if self.layers is not None and self.layers < 1:
            raise RramError(f"adapt: layers: {self.layers} given, expected at least 1")
        if not (0 < self.lr < 1e3 and self.horizon >= 1 and 0 <= self.floor <= 1 and 0 <= self.beta < 1
                and 0 < self.forgetting <= 1 and 0 < self.prior < 1e6):  # fmt: skip
            raise RramError(f"adapt: {self}: expected lr > 0, horizon >= 1, floor in [0, 1], beta in [0, 1), "
                            "forgetting in (0, 1], prior > 0")  # fmt: skip

    def frozen(self, bundle: Bundle) -> int:
        """How many of a network's first layers do not learn; RramError where it has fewer than are to learn."""
        if self.layers is None:
            return 0
        if self.layers > len(bundle.layers):
            raise RramError(f"adapt: layers: {self.layers} given, but {bundle.path} has {len(bundle.layers)}")
        return len(bundle.layers) - self.layers

    @property
    def in_codes(self) -> bool:
        """Whether every step leaves the numbers as codes."""
        return self.rounding != "save"

    def rate(self, step: int) -> float:
        """Learning rate of each step of label number `step` (from 0)."""
        return self.lr * max(1 - step / self.horizon, self.floor) / math.sqrt(1 + self.replay.repeats)


def nothing() -> F32:
    """No numbers: a layer without a low-rank part."""
    return np.zeros((0, 0), np.float32)


def _no_state() -> F32:
    return np.zeros(0, np.float32)


def _no_memory() -> npt.NDArray[np.float64]:
    return np.zeros(0)


@dataclass(frozen=True)
class LayerCorrection:
    """SRAM of one layer: gain [N], offset [N], value [mask entries], low-rank a [K, rank], b [rank, N], ms [3, with
    a rank 5] (RMS per group, in this order); velocity, momentum's mean gradient of all numbers, empty without momentum;
    covariance, of the last layer with `rls` (firmware_py.rls), else empty. Engines write in place.
    """

    gain: F32
    offset: F32
    value: F32
    ms: npt.NDArray[np.float64]
    a: F32 = field(default_factory=nothing)
    b: F32 = field(default_factory=nothing)
    velocity: F32 = field(default_factory=_no_state)
    covariance: npt.NDArray[np.float64] = field(default_factory=_no_memory)

    def settle(self, spec: AnalogLayer) -> None:
        """Round every number, in place, to what the SRAM can hold (firmware_py.sram); float32 stays as it is."""
        for key in ("gain", "offset", "value", "a", "b"):
            numbers = getattr(self, key)
            numbers[...] = getattr(spec.sram, key).round(numbers)


@dataclass
class Correction:
    """SRAM of a chip, with the counters that must survive with it: labels learned and images read so far."""

    layers: tuple[LayerCorrection, ...]
    step: int = 0
    read: int = 0

    def arrays(self, bundle: Bundle) -> dict[str, np.ndarray[Any, Any]]:
        """All that must be saved, by name: '<layer>.gain', ..., 'counters' (int64: step, read)."""
        out: dict[str, np.ndarray[Any, Any]] = {}
        for spec, layer in zip(bundle.layers, self.layers, strict=True):
            if spec.node.integer:
                continue
            for key in ("gain", "offset", "value", "ms", *(("a", "b") if spec.sram.rank else ())):
                out[f"{spec.name}.{key}"] = getattr(layer, key)
        out["counters"] = np.array([self.step, self.read], np.int64)
        return out

    def settle(self, bundle: Bundle) -> None:
        """Round every number, in place, to what the SRAM can hold: learning works on float32 until the next save."""
        for spec, layer in zip(bundle.layers, self.layers, strict=True):
            layer.settle(spec)

    def restart(self, bundle: Bundle, adapt: AdaptConfig) -> None:
        """Forget, in place, what an optimiser remembers beside `ms`; it is not part of a saved state."""
        for layer in self.layers:
            layer.velocity[...] = 0
        if self.layers[-1].covariance.size:
            self.layers[-1].covariance[...] = first_covariance(bundle.layers[-1], adapt.prior)

    def load(self, bundle: Bundle, arrays: dict[str, np.ndarray[Any, Any]]) -> None:
        """Take saved arrays over, in place; RramError names one that is missing, of another shape or out of range."""
        mine = self.arrays(bundle)
        for name, target in mine.items():
            given = arrays.get(name)
            if name.endswith(".ms") and given is not None and given.shape == (3,) < target.shape:
                given = arrays[name] = np.append(given, np.zeros(2))  # saved when A and B did not learn
            if given is None or given.shape != target.shape or given.dtype != target.dtype:
                found = None if given is None else f"{given.dtype}{list(given.shape)}"
                raise RramError(f"state: {name}: {found} given, expected {target.dtype}{list(target.shape)}")
            if not np.all(np.isfinite(given)):
                raise RramError(f"state: {name}: NaN or infinity given, expected finite numbers")
            most = MOST_COUNT if name == "counters" else np.inf
            if (name == "counters" or name.endswith(".ms")) and not 0 <= given.min() <= given.max() <= most:
                expected = f"expected numbers from 0 to {most:g}"
                raise RramError(f"state: {name}: {given.min()} to {given.max()} given, {expected}")
        for name, target in mine.items():
            target[...] = arrays[name]
        self.step, self.read = (int(n) for n in arrays["counters"])


def count_numbers(spec: AnalogLayer) -> int:
    """How many numbers a layer learns: gains, offsets, values, A, B."""
    return 2 * spec.n + spec.mask_value.size + spec.sram.rank * (spec.k + spec.n)


def initial_correction(bundle: Bundle, adapt: AdaptConfig | None = None) -> Correction:
    """The correction at first boot: the bundle's gains, offsets, mask values as the SRAM can hold them; A = B = 0.

    adapt: the learning to come, by which the optimiser's memory is made. RramError where that cannot be.
    """
    remembers = adapt is not None and adapt.optimizer == "momentum"
    solves = adapt is not None and adapt.optimizer == "rls"

    def layer(spec: AnalogLayer) -> LayerCorrection:
        last = spec is bundle.layers[-1]
        known = first_covariance(spec, adapt.prior) if adapt and solves and last else _no_memory()
        a, b = np.zeros((spec.k, spec.sram.rank), np.float32), np.zeros((spec.sram.rank, spec.n), np.float32)
        squares, velocity = np.zeros(5 if spec.sram.rank else 3), np.zeros(remembers * count_numbers(spec), np.float32)
        first = LayerCorrection(spec.gain.copy(), spec.offset.copy(), spec.mask_value.copy(), squares, a, b, velocity,
                                known)  # fmt: skip
        first.settle(spec)
        return first

    return Correction(tuple(layer(spec) for spec in bundle.layers))


@dataclass(frozen=True)
class SramCount:
    """What the correction costs. percent: values, low-rank factors, gains and offsets per weight; bytes: all parts."""

    values: int
    gains: int
    offsets: int
    percent: float
    bytes: int
    parts: dict[str, int] = field(default_factory=dict)


def count_sram(bundle: Bundle, learning: bool = True, adapt: AdaptConfig | None = None) -> SramCount:
    """Count the SRAM of a correction; parts in bytes, each rounded up.

    A float32 correction as the runtime keeps it: uint16 rows, int32 column starts. One of codes by their bits
    (firmware_py.sram), but float32 numbers while `learning` is on, which works on these unless `adapt` rounds steps.
    The optimiser's state (float64 RMS per group, two counters; momentum's and `rls`' memory) only with `learning`.
    """
    specs = [spec for spec in bundle.layers if not spec.node.integer]  # those that have a correction
    entries = [int(spec.mask_rows.size) for spec in specs]
    values, columns = sum(entries), sum(spec.n for spec in specs)
    weights = sum(spec.k * spec.n for spec in bundle.layers)
    low_rank = sum(spec.sram.rank * (spec.k + spec.n) for spec in specs)
    parts = {"values": 4 * values, "indices": 2 * values + 4 * (columns + len(specs)), "gains": 4 * columns,
             "offsets": 4 * columns}  # fmt: skip
    if low_rank:
        parts["low_rank"] = 4 * low_rank
    if any(spec.sram.packed for spec in specs):
        shapes = [(spec.k, spec.n) for spec in specs]
        bits = count_bits([spec.sram for spec in specs], shapes, entries, bundle.macro.rows)
        packed = {key: -(-bits[key] // 8) for key in parts}
        parts = parts | {"indices": packed["indices"]} if learning and not (adapt and adapt.in_codes) else packed
    if learning:
        parts["optimizer"] = 8 * sum(5 if spec.sram.rank else 3 for spec in specs) + 16
    if learning and adapt is not None and adapt.optimizer == "momentum":
        parts["optimizer"] += 4 * sum(count_numbers(spec) for spec in specs)
    if learning and adapt is not None and adapt.optimizer == "rls":
        parts["optimizer"] += 8 * covariance_numbers(bundle.layers[-1])
    percent = 100 * (values + low_rank + 2 * columns) / weights
    return SramCount(values, columns, columns, percent, sum(parts.values()), parts)
