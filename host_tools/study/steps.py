"""What can be done to a chip of a study, step by step, by name: 'untouched', 'calibrated:64', 'aged:10000', 'adapted'.

    steps = parse_steps("untouched,calibrated,aged:1e4,recalibrated,adapted:1000")

After every step the chip is measured, and what it reaches is a row of the study. A step may get a name of its own
('late=calibrated:512'), and must where the same one is taken twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from host_tools.errors import HostError

CALIBRATIONS = {"calibrated": "full", "recalibrated": "full", "gains": "gains", "moments": "moments"}  # Chip.calibrate
ALL = ("untouched", "calibrated", "shifted", "adapted")
UNTOUCHED = ("untouched",)
OLDER = ("aged", "baked", "drifted")  # steps after which the cells are others


@dataclass(frozen=True)
class Step:
    """One step: `name` is its row's and column's, `kind` what is done, `argument` how (may be empty)."""

    name: str
    kind: str
    argument: str = ""

    @property
    def text(self) -> str:
        """As the user writes it."""
        bare = f"{self.kind}:{self.argument}" if self.argument else self.kind
        return bare if self.name == bare else f"{self.name}={bare}"

    @property
    def number(self) -> float:
        """The argument as a number (checked when the step was parsed)."""
        return float(self.argument)

    @property
    def title(self) -> str:
        """For people."""
        title = KINDS[self.kind].title.format(self.argument) if self.argument else KINDS[self.kind].bare
        own = self.name not in (self.kind, f"{self.kind}:{self.argument}")
        return f"{title} ({self.name})" if own else title

    def with_vectors(self, count: str) -> Step:
        """A calibration with another number of vectors, under its own name or its kind's."""
        return Step(self.name if self.name.isidentifier() else self.kind, self.kind, count)


@dataclass(frozen=True)
class Kind:
    """A kind of step: titles without and with its argument, and the check of the argument ('' where it has none)."""

    bare: str
    title: str
    expected: str
    fits: Callable[[str], bool]


def parse_steps(text: str | Sequence[str]) -> tuple[Step, ...]:
    """Steps from 'a,b:1,c' or a sequence of such words; HostError for an unknown, wrong or repeated one."""
    words = text.split(",") if isinstance(text, str) else list(text)
    steps = tuple(_step(word.strip()) for word in words)
    if not steps:
        raise HostError("--steps: no step given, expected at least one, for example untouched")
    for i, step in enumerate(steps):
        if step.name in [other.name for other in steps[:i]]:
            raise HostError(f"--steps: {step.name!r} is given twice; give one of them a name: again={step.name}")
    return steps


def parse_start(start: Sequence[str]) -> tuple[Step, ...]:
    """Steps before those of a study, of which there may be none. A list of its own: what comes here may come there."""
    return parse_steps(start) if start else ()


def _step(word: str) -> Step:
    name, given, bare = word.rpartition("=")
    kind, _, argument = bare.partition(":")
    if kind not in KINDS or (given and not name.isidentifier()):
        raise HostError(f"--steps: {word!r} is not [NAME=]STEP[:ARGUMENT] with one of {', '.join(KINDS)}")
    if not KINDS[kind].fits(argument):
        raise HostError(f"--steps: {word!r}: {argument or 'nothing'} given, expected {KINDS[kind].expected}")
    return Step(name or bare, kind, argument)


def _whole(text: str) -> bool:
    return not text or (text.isdecimal() and int(text) > 0)


def _positive(text: str) -> bool:
    try:
        return 0 <= float(text) < float("inf")
    except ValueError:
        return False


def _seconds(text: str) -> bool:
    number, _, how = text.partition(":")
    return how in ("", "redrawn") and _positive(number)


def _temperature(text: str) -> bool:
    try:
        return -274 < float(text) < float("inf")
    except ValueError:
        return False


def _shift(text: str) -> bool:
    from host_tools.shift import Shift

    if text:
        Shift.parse(text.replace(";", ","))  # says what is wrong with it
    return True


KINDS = {
    "untouched": Kind("student on chips, nothing else", "", "no argument", lambda text: not text),
    "calibrated": Kind("+ calibration without labels", "+ calibration, {} vectors without labels",
                       "a number of vectors, for example 64", _whole),
    "recalibrated": Kind("+ calibrated again, without labels", "+ calibrated again, {} vectors without labels",
                         "a number of vectors, for example 64", _whole),
    "gains": Kind("+ gains and offsets calibrated, without labels", "+ gains and offsets, {} vectors without labels",
                  "a number of vectors, for example 64", _whole),
    "moments": Kind("+ column statistics re-estimated, without labels",
                    "+ column statistics re-estimated, {} vectors without labels",
                    "a number of vectors, for example 512", _whole),
    "shifted": Kind("the same chips, input changed", "the same chips, input changed: {}",
                    "a change such as rotate:40", _shift),
    "adapted": Kind("+ labels of the changed input, one at a time", "+ {} labels, one at a time",
                    "a number of labels, for example 1000", _whole),
    "aged": Kind("", "the same chips, {} s after programming",
                 "seconds after programming, for example 10000 (or 10000:redrawn)", _seconds),
    "drifted": Kind("", "the same chips, {} s after programming by the board's law of drift",
                    "seconds after programming, for example 10000", _positive),
    "baked": Kind("", "the same chips after the bake at {} C", "the temperature of a bake in C", _temperature),
}  # fmt: skip
