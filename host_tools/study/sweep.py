"""What a sweep asks for: axes by name, their values, and the points of the grid.

    points = grid([parse_sweep("programming.sigma=0.1:0.6:6"), parse_sweep("macro.adc_bits=4,6,8")])
"""

from __future__ import annotations

import difflib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from host_tools.errors import HostError
from host_tools.study.axes import AXES, Axis, Value

MOST = 10_000  # points of a study

Point = dict[str, Value]


@dataclass(frozen=True)
class Swept:
    """One axis and its values, in the order given."""

    axis: Axis
    values: tuple[Value, ...]


def parse_sweep(text: str) -> Swept:
    """From 'AXIS=start:stop:count' (evenly, both ends included), 'AXIS=a,b,c' or 'AXIS=one;two' for words.

    HostError in one line for an unknown axis, no value, one twice, one of the wrong kind, start > stop or a count < 2.
    """
    name, equals, given = text.partition("=")
    axis = AXES.get(name.strip())
    if axis is None:
        own = [known for known in AXES if known.endswith(f".{name.strip()}")]  # without what it belongs to
        near = own or difflib.get_close_matches(name.strip(), AXES, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(AXES)}"
        raise HostError(f"--sweep: {name.strip() or 'nothing'} is not an axis; {hint}")
    if not equals or not given.strip(" ,;"):
        raise HostError(f"--sweep: {axis.name}: no value given, expected {axis.name}=start:stop:count or a list")
    values = _words(axis, given) if axis.kind is str else _numbers(axis, given)
    if len(set(values)) != len(values):
        raise HostError(f"--sweep: {axis.name}: {given} holds a value twice")
    return Swept(axis, values)


def grid(sweeps: Sequence[Swept]) -> list[Point]:
    """Every combination, the last axis fastest; one empty point without a sweep. HostError for an axis given twice."""
    names = [swept.axis.name for swept in sweeps]
    for name in names:
        if names.count(name) > 1:
            raise HostError(f"--sweep: {name} is given twice")
    count = math.prod(len(swept.values) for swept in sweeps)
    if count > MOST:
        raise HostError(f"--sweep: {count:,} points, expected at most {MOST:,}")
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(s.values for s in sweeps))]


def label(point: Point) -> str:
    """'programming.sigma=0.3, levels=8', for people."""
    return ", ".join(f"{name}={text(value)}" for name, value in point.items())


def text(value: Value) -> str:
    """A value as a results file has it."""
    return value if isinstance(value, str) else f"{value:.12g}"


def _words(axis: Axis, given: str) -> tuple[str, ...]:
    words = tuple(word.strip() for word in given.split(";" if ";" in given or axis.commas else ","))
    if not all(words):
        raise HostError(f"--sweep: {axis.name}: an empty value in {given!r}")
    return words


def _numbers(axis: Axis, given: str) -> tuple[Value, ...]:
    parts = given.split(":")
    if len(parts) == 1:
        return tuple(_number(axis, word) for word in given.split(","))
    if len(parts) != 3:
        raise HostError(f"--sweep: {axis.name}: {given!r} is not start:stop:count or a list such as 1,2,3")
    start, stop = (float(_number(axis, word)) for word in parts[:2])
    count = int(parts[2]) if parts[2].strip().isdecimal() else -1
    if start >= stop:
        raise HostError(f"--sweep: {axis.name}: {parts[0]} (start) is not < {parts[1]} (stop)")
    if not 2 <= count <= MOST:
        raise HostError(f"--sweep: {axis.name}: {parts[2] or 'no'} values from {parts[0]} to {parts[1]}, expected 2 to "
                        f"{MOST:,}")
    return tuple(_number(axis, f"{start + (stop - start) * i / (count - 1):.12g}") for i in range(count))


def _number(axis: Axis, word: str) -> Value:
    try:
        number = float(word)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise HostError(f"--sweep: {axis.name}: {word.strip() or 'nothing'} is not a number")
    if axis.kind is int and number != int(number):
        raise HostError(f"--sweep: {axis.name}: {word.strip()} is not a whole number")
    return int(number) if axis.kind is int else number
