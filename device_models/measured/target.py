"""The target level as an arithmetic expression over the columns of a table: parsed by a grammar, never `eval`.

    parse_target("(addr / 2) % 32").evaluate({"addr": array})

Numbers, names of columns, + - * / // % with Python's precedence and signs, parentheses, floor, round, log10, min, max.
A column whose name is no identifier stands in backquotes: `` `my column` ``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.errors import ProfileError

Columns = Mapping[str, npt.NDArray[Any]]

MAX_LENGTH = 200  # characters; so that the tree is never deep

GRAMMAR = r"""
?start: sum
?sum: product | sum "+" product -> add | sum "-" product -> sub
?product: factor | product "*" factor -> mul | product "/" factor -> div
        | product "//" factor -> floordiv | product "%" factor -> mod
?factor: "-" factor -> neg | "+" factor | atom
?atom: NUMBER -> number | NAME "(" sum ("," sum)* ")" -> call | NAME -> column | QUOTED -> quoted | "(" sum ")"
NUMBER: /(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/
NAME: /[^\W\d]\w*/
QUOTED: /`[^`]+`/
%ignore /[ \t]+/
"""

_OPERATORS: dict[str, Callable[..., Any]] = {
    "add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.true_divide, "floordiv": np.floor_divide,
    "mod": np.mod, "neg": np.negative,
}
_FUNCTIONS: dict[str, tuple[int, Callable[..., Any]]] = {
    "floor": (1, np.floor), "round": (1, np.rint), "log10": (1, np.log10), "min": (2, np.minimum),
    "max": (2, np.maximum),
}


@dataclass(frozen=True)
class Target:
    """A parsed expression; `names` are the columns that it needs."""

    text: str
    names: tuple[str, ...]
    tree: Any

    def evaluate(self, columns: Columns) -> npt.NDArray[np.float64]:
        """The value of every row, float64 (exact for whole numbers below 2^53); an absent column: ProfileError."""
        unknown = [name for name in self.names if name not in columns]
        if unknown:
            raise ProfileError(f"target {self.text!r}: no column {unknown[0]!r}, expected one of {', '.join(columns)}")
        with np.errstate(all="ignore"):
            value: npt.NDArray[np.float64] = np.asarray(_value(self.tree, columns), dtype=np.float64)
        return value


@lru_cache(maxsize=1)
def _parser() -> Any:
    from lark import Lark  # 30 ms: only where a target is an expression

    return Lark(GRAMMAR, parser="lalr")


def parse_target(text: str) -> Target:
    """A `Target` from its text; ProfileError that shows where it cannot be read."""
    from lark.exceptions import UnexpectedInput

    if len(text) > MAX_LENGTH:
        raise ProfileError(f"target: an expression of {len(text)} characters, expected at most {MAX_LENGTH}")
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        ended = getattr(getattr(error, "token", None), "type", "") == "$END"
        at = error.pos_in_stream or 0
        where = "at its end" if ended else f"at {text[at:][:12]!r} (character {at + 1})"
        raise ProfileError(f"target {text!r}: not an expression {where}; "
                           "expected columns, numbers, + - * / // % ( ) floor round log10 min max") from None
    for call in tree.find_data("call") if hasattr(tree, "find_data") else ():
        _check_call(text, str(call.children[0]), len(call.children) - 1)
    names = {_name(leaf) for leaf in tree.iter_subtrees() if leaf.data in ("column", "quoted")}
    return Target(text, tuple(sorted(names)), tree)


def _check_call(text: str, name: str, given: int) -> None:
    if name not in _FUNCTIONS:
        raise ProfileError(f"target {text!r}: no function {name!r}, expected one of {', '.join(_FUNCTIONS)}")
    if given != _FUNCTIONS[name][0]:
        raise ProfileError(f"target {text!r}: {name} of {given} value(s), expected {_FUNCTIONS[name][0]}")


def _name(leaf: Any) -> str:
    return str(leaf.children[0]).strip("`")


def _value(tree: Any, columns: Columns) -> Any:
    if tree.data == "number":
        return np.float64(str(tree.children[0]))
    if tree.data in ("column", "quoted"):
        return columns[_name(tree)].astype(np.float64)
    if tree.data == "call":
        return _FUNCTIONS[str(tree.children[0])][1](*(_value(part, columns) for part in tree.children[1:]))
    return _OPERATORS[tree.data](*(_value(part, columns) for part in tree.children))
