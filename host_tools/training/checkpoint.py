"""A training that can be interrupted: all its state in one file beside the output, after every epoch."""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools import console
from host_tools.errors import HostError

SUFFIX = ".partial.npz"


@dataclass(frozen=True)
class Progress:
    """Where a training stands: epochs done, state of its generator, the average of the weights if there is one."""

    epochs: int
    rng: dict[str, Any]
    average: list[NDArray[Any]] | None


@dataclass(frozen=True)
class Checkpoint:
    """The file of one training; `key` names what it trains (options and data), so that no other one goes on from it,
    `again` what goes on with it."""

    path: Path
    key: str
    again: str = "the same command with --resume"

    @classmethod
    def beside(cls, output: Path, what: dict[str, Any], resume: bool) -> Checkpoint:
        """The checkpoint of the training that writes `output`. HostError: there is one and `resume` is not wished, or
        there is none and it is."""
        path = output.with_name(output.name + SUFFIX)
        key = hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:16]
        if path.exists() and not resume:
            raise HostError(f"{path}: an interrupted training is kept there; give --resume to go on, or delete it")
        if resume and not path.exists():
            raise HostError(f"--resume: {path} does not exist, there is no interrupted training to go on with")
        return cls(path, key)

    def save(self, model: Any, progress: Progress) -> None:
        """Write the state of a compiled model and of its training; the old file stays until the new one is whole."""
        arrays: dict[str, Any] = {f"v{i:05}": _numpy(variable) for i, variable in enumerate(_variables(model))}
        arrays |= {f"a{i:05}": value for i, value in enumerate(progress.average or [])}
        told = json.dumps({"key": self.key, "epochs": progress.epochs, "rng": progress.rng})
        temporary = self.path.with_name(f".{self.path.name}.tmp")
        with open(temporary, "wb") as file:
            np.savez(file, told=np.frombuffer(told.encode(), np.uint8), **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path)

    def load(self, model: Any) -> Progress | None:
        """Put the saved state into a compiled model; None where nothing was saved. HostError: another training's."""
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as saved:
                arrays = dict(saved)
            told = json.loads(arrays.pop("told").tobytes())
        except (zipfile.BadZipFile, EOFError, OSError, ValueError, KeyError) as error:
            raise HostError(f"{self.path}: not a checkpoint ({error}); delete it to start afresh") from None
        if told["key"] != self.key:
            raise HostError(f"--resume: {self.path} is of a training with other options or data, expected the same")
        model.optimizer.build(model.trainable_variables)
        for variable, key in zip(_variables(model), sorted(k for k in arrays if k[0] == "v"), strict=True):
            variable.assign(arrays[key])
        average = [arrays[key] for key in sorted(k for k in arrays if k[0] == "a")]
        return Progress(told["epochs"], told["rng"], average or None)

    @contextmanager
    def kept(self, say: Callable[[str], None]) -> Iterator[None]:
        """Around a training: Ctrl-C ends the program with code 130, and says how to go on; so does a divergence."""
        try:
            yield
        except KeyboardInterrupt:
            kept = f"{self.path} holds its last whole epoch, {self.again} goes on from there"
            say(f"interrupted; {kept if self.path.exists() else 'no epoch was over, nothing is kept'}")
            raise SystemExit(console.INTERRUPTED) from None
        except HostError as error:
            if not self.path.exists():
                raise
            raise type(error)(f"{error}; the last good epoch is kept in {self.path}") from None

    def clear(self) -> None:
        """Remove the file: the training's output is safe."""
        self.path.unlink(missing_ok=True)


def _variables(model: Any) -> list[Any]:
    """All state: weights, generators, the optimiser's; each once."""
    return list({id(v): v for v in [*model.variables, *model.optimizer.variables]}.values())


def _numpy(variable: Any) -> NDArray[Any]:
    from host_tools.backend import keras

    return np.asarray(keras.ops.convert_to_numpy(variable.value))
