"""Which lines of the readers a run has met, with nothing but the interpreter."""

from __future__ import annotations

import inspect
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import firmware_py

PACKAGE = Path(firmware_py.__file__).parent
READERS = ("container", "bundle", "graph", "nodes", "integer", "sram", "limits", "state", "correction")


class Lines(AbstractContextManager["Lines"]):
    """While entered, notes every line that runs in the readers."""

    def __init__(self) -> None:
        self.files = {str(PACKAGE / f"{name}.py"): name for name in READERS}
        self.met: set[tuple[str, int]] = set()

    @staticmethod
    def off() -> AbstractContextManager[None]:
        """Nothing is noted."""
        return nullcontext()

    def __enter__(self) -> Lines:
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._line if frame.f_code.co_filename in self.files else None

    def _line(self, frame: FrameType, event: str, argument: Any) -> Any:
        self.met.add((self.files[frame.f_code.co_filename], frame.f_lineno))
        return self._line

    def found(self) -> dict[str, list[int]]:
        """For each reader: the lines met."""
        return {name: sorted(line for file, line in self.met if file == name) for name in READERS}


def summary(met: dict[str, set[int]]) -> str:
    """One line a reader: how many of its functions' lines were met, and which were not."""
    text = []
    for name, lines in met.items():
        if not lines:
            continue  # not a reader of this target
        every = lines_of(name)
        missing = ", ".join(str(line) for line in sorted(every - lines)) or "none"
        text.append(f"{name}.py: {len(every & lines)} of {len(every)} lines; not met: {missing}")
    return "\n".join(text)


def lines_of(name: str) -> set[int]:
    """Lines inside the functions of a reader: what runs when a file is read, not when the module is imported."""
    path = PACKAGE / f"{name}.py"
    return {line for code in _functions(compile(path.read_text(), str(path), "exec")) for line in _numbers(code)}


def _functions(code: CodeType) -> list[CodeType]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    own = inspect.CO_NEWLOCALS  # classes have none
    return [one for c in inner for one in ([c] if c.co_flags & own else []) + _functions(c)]


def _numbers(code: CodeType) -> set[int]:
    return {line for _, _, line in code.co_lines() if line is not None and line != code.co_firstlineno}
