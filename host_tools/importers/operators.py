"""What both importers read a file into: a list of operators with their constants, and how a wrong one is named."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from host_tools.errors import HostError

Array = npt.NDArray[Any]
NAMED = 20  # operators in an error's one line
# What the libraries that read files raise, and our arithmetic behind them, where a file says impossible things.
BROKEN = (struct.error, IndexError, ValueError, TypeError, AttributeError, KeyError, OverflowError, MemoryError,
          AssertionError)  # fmt: skip


@dataclass(frozen=True)
class Operator:
    """One operator: what it takes and gives by the tensors' keys in the file; options as plain values."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Network:
    """A file's network. input_shape: height, width and channels, or height and width of a grey image, or features.

    axes: which of height, width and channels (0, 1, 2) each axis of the file's input is. pixels: what black and white
    are to the network.
    """

    where: str
    operators: tuple[Operator, ...]
    constants: dict[str, Array]
    input_key: str
    input_shape: tuple[int, ...]
    output_key: str
    pixels: tuple[float, float] = (0.0, 1.0)
    axes: tuple[int, ...] = (0, 1, 2)

    def uses(self, key: str) -> int:
        """How many operators take a tensor; the network's output counts as one more."""
        return sum(operator.inputs.count(key) for operator in self.operators) + (key == self.output_key)

    def constants_of(self, operator: Operator) -> list[Array]:
        """The constant inputs of an operator, whichever they are."""
        return [self.constants[key] for key in operator.inputs if key in self.constants]

    def constant(self, operator: Operator, index: int) -> Array | None:
        """A constant input of an operator; None where it is computed or absent."""
        return self.constants.get(operator.inputs[index]) if index < len(operator.inputs) else None


class Unsuitable(Exception):
    """Why one operator cannot be carried; the caller knows which."""


def tidy(name: str) -> str:
    """A name from a file as one that Keras and a bundle take: at most 48 letters, digits, '_', '-' and '.'."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_.-")[:48] or "unnamed"


def refuse(where: str, reasons: dict[str, str]) -> None:
    """HostError that names each operator of `reasons` in one line; nothing where there is none."""
    if reasons:
        shown = [f"{name} ({why})" for name, why in list(reasons.items())[:NAMED]]
        rest = f" and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
        raise HostError(f"{where}: the board does not carry: {', '.join(shown)}{rest}")


def needed_for(
    result: str, operators: Sequence[Operator], constants: dict[str, Array], reshapes: Sequence[str]
) -> tuple[Operator, ...]:
    """The operators, in order, that a result is computed with; not those that only compute shapes for a reshape."""
    wanted, kept = {result}, []
    for operator in reversed(operators):
        if wanted & set(operator.outputs):
            data = operator.inputs[:1] if operator.kind in reshapes else operator.inputs
            wanted |= {key for key in data if key not in constants}
            kept.append(operator)
    return tuple(reversed(kept))


def numbers(array: Array) -> npt.NDArray[np.float64]:
    """A constant in float64; Unsuitable where it holds something else than finite numbers."""
    if not np.issubdtype(array.dtype, np.number) or not np.all(np.isfinite(array)):
        raise Unsuitable("a weight is NaN, infinite or no number")
    return array.astype(np.float64)
