"""Chip: one die on one board. Opens a bundle, predicts, calibrates, learns, and keeps its SRAM over power loss."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cached_property, wraps
from pathlib import Path
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from firmware_py.aging import Age, checked_age
from firmware_py.bundle import Bundle
from firmware_py.calibrate import KINDS, CalibrationReport, calibrate, calibrate_in_core
from firmware_py.cells import Effects, LayerCells
from firmware_py.correction import AdaptConfig, Correction, SramCount, count_sram, initial_correction
from firmware_py.errors import RramError
from firmware_py.guard import Watch
from firmware_py.integer import refuse_integer
from firmware_py.numpy_engine import NumpyEngine, ideal_activations
from firmware_py.replay import ReplayMemory
from firmware_py.state import StateHeader, StateInfo, load_state, save_state

F32 = npt.NDArray[np.float32]
EngineName = Literal["auto", "c", "numpy"]
P = ParamSpec("P")
R = TypeVar("R")
_BYTES = np.dtype(np.uint8)


class Engine(Protocol):
    """What computes: the NumPy oracle or the C core; both give the same bits (docs/numerics.md)."""

    name: str
    cells: list[LayerCells]

    def logits(self, x: F32, read: int) -> F32:
        """Logits [n, classes] of images [n, *input_shape]; image i uses read counter `read` + i."""

    def raw(self, layer: int, a: F32, read: int) -> npt.NDArray[np.int32]:
        """Sums of ADC codes [n, P, N] of one analog layer."""

    def learn(self, x: F32, label: int, read: int, step: int, adapt: AdaptConfig) -> F32:
        """One label; the correction changes in place; returns the logits [classes] before."""


def _alone(method: Callable[Concatenate[Chip, P], R]) -> Callable[Concatenate[Chip, P], R]:
    """A method that refuses to run while another thread is in one of these on the same chip."""

    @wraps(method)
    def guarded(self: Chip, /, *arguments: P.args, **options: P.kwargs) -> R:
        if not self._free.acquire(blocking=False):  # no waiting: results would depend on who comes first
            raise RramError("chip: used by two threads at once, expected one: open a chip in each thread")
        try:
            return method(self, *arguments, **options)
        finally:
            self._free.release()

    return guarded


class Chip:
    """One emulated RRAM chip: cells drawn once from `seed`, never written again; only `correction` is changed.

    Cells drift with time where the bundle has a law, `age_s` being seconds since programming, and move with reads where
    it has a disturb; reads count from the moment at which the chip is restored or `refresh`ed.

    With `learning` False the chip predicts and calibrates, and the C core needs less memory.

    Images are uint8 or float32 in [0, 1], of the bundle's input shape. A chip is for one thread at a time: where two
    meet in it, the second gets RramError. Any number of chips may work in parallel, of one Bundle, too.
    """

    def __init__(
        self,
        bundle: Bundle,
        seed: int = 0,
        engine: EngineName = "auto",
        effects: Effects | None = None,
        adapt: AdaptConfig | None = None,
        age_s: float = 0.0,
        learning: bool = True,
    ) -> None:
        if not _whole(seed):
            raise RramError(f"chip: seed: {seed!r} is not a whole number")
        if not 0 <= seed < 2**64:
            raise RramError(f"chip: seed: {seed} is not from 0 to 2^64 - 1")
        self.bundle, self.seed, self.adapt = bundle, int(seed), adapt or AdaptConfig()
        if self.adapt.in_codes and not any(layer.sram.packed for layer in bundle.layers):
            raise RramError(f"adapt: rounding: {self.adapt.rounding!r} given, but the correction of {bundle.path} is "
                            "float32, expected one of codes (rram export --value-bits 8)")  # fmt: skip
        self.effects = effects or Effects()
        self.correction: Correction = initial_correction(bundle, self.adapt)
        self.sram: SramCount = count_sram(bundle, adapt=self.adapt)
        self.replay = ReplayMemory(self.adapt.replay, bundle.input_shape)
        self.watch = None if self.adapt.guard is None else Watch(self.adapt.guard)
        self._free = threading.RLock()  # the guard reads while a label is learned
        self.age = Age(checked_age(bundle, age_s))
        self.learning = learning
        self._made_by = _engine(engine)
        self.engine: Engine = self._made()

    def _made(self) -> Engine:
        frozen = self.adapt.frozen(self.bundle) if self.learning else len(self.bundle.layers)
        engine: Engine = self._made_by(self.bundle, self.seed, self.effects, self.correction, age=self.age,
                                       frozen=frozen)  # fmt: skip
        return engine

    @staticmethod
    def open(path: str | Path, **options: Any) -> Chip:
        """Open a bundle file as a chip; options as for Chip (seed, engine, effects, adapt, age_s, learning)."""
        return Chip(Bundle.open(path), **options)

    @_alone
    def predict_one(self, x: npt.NDArray[Any]) -> int:
        """Class of one image [*input_shape]."""
        classify = getattr(self.engine, "classify", None)  # the short way, for what a camera gives
        if not (classify and isinstance(x, np.ndarray) and x.dtype == _BYTES and x.shape == self.bundle.input_shape):
            return int(self.logits_one(x).argmax())
        found: int = classify(x, self.correction.read)
        self.correction.read += 1
        return found

    def logits_one(self, x: npt.NDArray[Any]) -> F32:
        """Logits [classes] of one image."""
        logits: F32 = self.logits_many(_array(x)[None])[0]
        return logits

    def predict_many(self, x: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Classes [n] of images [n, *input_shape]; the same as n times predict_one."""
        classes: npt.NDArray[np.int64] = self.logits_many(x).argmax(axis=1).astype(np.int64)
        return classes

    @_alone
    def logits_many(self, x: npt.NDArray[Any]) -> F32:
        """Logits [n, classes] of images [n, *input_shape]."""
        images = x if self._engine_takes(x) else self._images(x)
        out = self.engine.logits(images, self.correction.read)
        self.correction.read += len(images)
        return out

    @_alone
    def learn_one(self, x: npt.NDArray[Any], label: int) -> int:
        """Learn one labelled image by changing the SRAM correction; returns the class predicted before learning.

        Then images labelled before are learned again (`adapt.replay`); each is a read, all together are one label. With
        a guard (`adapt.guard`) the label may be turned away, and what was learned undone; its reads count, too.
        """
        classes = len(self.bundle.classes)
        if not _whole(label) or not 0 <= label < classes:
            raise RramError(f"label: {label!r} is not a whole number from 0 to {classes - 1}")
        refuse_integer(self.bundle.nodes, "learn")
        if not self.learning:
            raise RramError("learn: a chip without learning given, expected one opened with learning=True")
        image = self._images(_array(x)[None])[0]
        if self.watch:
            logits = self.logits_many(image[None])[0]
            if self.watch.verdict(logits, int(label)) != "learn":
                return int(logits.argmax())
            self.watch.before(self)
        logits = self._step(image, int(label))
        for kept, its_label in self.replay.draw(self.seed, self.correction.step):
            self._step(kept, its_label)
        self.replay.add(image, int(label))
        self.correction.step += 1
        if self.watch:
            self.watch.learned(self)
        return int(logits.argmax())

    @cached_property
    def anchors(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """The bundle's calibration vectors and the classes that the ideal network gives them."""
        x = self.bundle.calibration_x
        ideal = ideal_activations(self.bundle, self._images(x))[-1] if len(x) else np.zeros((0, 1), np.float32)
        return x, ideal.argmax(axis=1)

    @_alone
    def calibrate(
        self, x: npt.NDArray[Any] | None = None, kind: str = "full", in_core: bool | None = None
    ) -> CalibrationReport:
        """Closed-form calibration without labels on images x, by default the bundle's own vectors.

        kind: 'full', or 'gains' or 'moments' (firmware_py.calibrate), which leave mask values as at first boot.
        in_core: what the engine is does the sums (None): the C core where it carries the bundle; the two agree closely,
        not to the bit (docs/numerics.md, section 7). True: the C core or RramError; False: NumPy, on either engine.
        """
        images = self._images(self.bundle.calibration_x if x is None else x)
        if len(images) == 0:
            raise RramError("calibrate: 0 vectors given, expected at least 1")
        fit = calibrate if in_core is False else self._fit(kind, in_core is True)
        report = fit(self.bundle, self.engine, self.correction.layers, images, self.correction.read, kind)
        self.correction.restart(self.bundle, self.adapt)
        self.correction.read += len(images)
        return report

    @_alone
    def refresh(self, age_s: float | None = None) -> None:
        """Let the cells be as they are now: `age_s` after programming (by default as before), after the reads so far.

        One image is one read of every row at every position; the correction, and what it has learned, stays.
        """
        seconds = self.age.seconds if age_s is None else checked_age(self.bundle, age_s)
        now = Age(seconds, self.correction.read if self.bundle.aging.disturb else 0)
        if now != self.age:
            self.age = now
            self.engine = self._made()

    @_alone
    def save(self, folder: str | Path) -> int:
        """Write the SRAM state to `folder` (two slots); returns its generation number.

        Where the SRAM holds codes, what was learned is rounded to them first: what is saved is what runs on.
        """
        self.correction.settle(self.bundle)
        return save_state(folder, StateHeader(self.bundle.digest, self.seed), self.correction.arrays(self.bundle))

    @_alone
    def restore(self, folder: str | Path) -> StateInfo | None:
        """Take over the newest valid state of `folder`; None if there is none. RramError if it is another chip's.

        Labelled images and the optimiser's memory but `ms` are not part of a state: both are empty afterwards.
        """
        found = load_state(folder, self.bundle.digest, self.seed)
        if found is None:
            return None
        arrays, info = found
        self.correction.load(self.bundle, arrays)
        self.correction.restart(self.bundle, self.adapt)
        self.replay.clear()
        if self.watch:
            self.watch.clear()
        self.refresh()
        return info

    def _fit(self, kind: str, must: bool) -> Callable[..., CalibrationReport]:
        """What calibrates: the C core where it can; if it `must`, RramError where it cannot."""
        room = getattr(self.engine, "calibration_bytes", None)
        if room is None and must:
            raise RramError(f"calibrate: in_core given on the {self.engine.name} engine, expected the C engine")
        able = room is not None and kind in KINDS and room(kind)[0] > 0
        return calibrate_in_core if must or able else calibrate

    def _step(self, image: F32, label: int) -> F32:
        """One learning step; the logits [classes] before."""
        logits = self.engine.learn(image, label, self.correction.read, self.correction.step, self.adapt)
        self.correction.read += 1
        return logits

    def _engine_takes(self, x: npt.NDArray[Any]) -> bool:
        """Whether the engine itself turns these bytes into numbers: quicker than NumPy for one image."""
        if not isinstance(x, np.ndarray) or x.dtype != np.uint8 or x.shape[1:] != self.bundle.input_shape:
            return False
        return bool(getattr(self.engine, "takes_bytes", False))

    def _images(self, x: npt.NDArray[Any]) -> F32:
        """Check a batch and bring it to float32 in [0, 1]."""
        shape = self.bundle.input_shape
        if not isinstance(x, np.ndarray) or x.shape[1:] != shape:
            given = list(x.shape[1:]) if isinstance(x, np.ndarray) else type(x).__name__
            raise RramError(f"image: shape {given} given, expected {list(shape)}")
        if x.dtype == np.uint8:
            return x.astype(np.float32) / np.float32(255)
        if x.dtype.kind != "f":
            raise RramError(f"image: type {x.dtype} given, expected uint8, or float in [0, 1]")
        if not np.all((x >= 0) & (x <= 1)):  # also refuses NaN
            raise RramError("image: values outside [0, 1] (or NaN) given, expected uint8, or float in [0, 1]")
        return np.ascontiguousarray(x, np.float32)


def _whole(number: Any) -> bool:
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def _array(x: Any) -> npt.NDArray[Any]:
    """One image as an array; lists of numbers are welcome."""
    try:
        return np.asarray(x)
    except ValueError:  # rows of unequal length
        raise RramError(f"image: {type(x).__name__} that is no array given, expected numbers in rows") from None


def _engine(name: str) -> Any:
    """The engine's class by name; 'auto' takes the C core where it is built, else NumPy."""
    if name not in ("auto", "c", "numpy"):
        raise RramError(f"engine: {name!r} is not one of auto, c, numpy")
    if name == "numpy":
        return NumpyEngine
    from firmware_py.c_engine import CEngine, available

    if available():
        return CEngine
    if name == "c":
        raise RramError("engine: the C core is not built; run: python -m firmware_py.build_core (needs a C compiler)")
    return NumpyEngine
