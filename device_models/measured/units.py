"""Units of measured columns: told in the name of a column, or by the caller; never guessed.

    split_unit("r [kOhm]")            # ("r", "kOhm")
    scale_of("kOhm", "resistance")    # (1000.0, 0.0): value in ohm = 1000 x + 0
"""

from __future__ import annotations

import re
from typing import Literal

Quantity = Literal["conductance", "resistance", "time", "temperature"]

# What a number in the unit is multiplied by, and what is added then: uS, ohm, s, degrees Celsius.
UNITS: dict[Quantity, dict[str, tuple[float, float]]] = {
    "conductance": {"S": (1e6, 0), "mS": (1e3, 0), "uS": (1, 0), "nS": (1e-3, 0)},
    "resistance": {"ohm": (1, 0), "kohm": (1e3, 0), "Mohm": (1e6, 0), "Gohm": (1e9, 0)},
    "time": {"ns": (1e-9, 0), "us": (1e-6, 0), "ms": (1e-3, 0), "s": (1, 0), "min": (60, 0), "h": (3600, 0)},
    "temperature": {"C": (1, 0), "K": (1, -273.15)},
}

_SPELLING = {"Ohm": "ohm", "OHM": "ohm", "Ω": "ohm", "degC": "C", "°C": "C", "sec": "s", "hr": "h"}
_BRACKETS = re.compile(r"^(?P<name>.*?)\s*[(\[](?P<unit>[^()\[\]]+)[)\]]$")
_SUFFIX = re.compile(r"^(?P<name>.*\S)\s*[_/]\s*(?P<unit>[^_/\s]+)$")


def plain(unit: str) -> str:
    """One spelling of a unit: 'µS' is 'uS', 'kOhm' and 'kΩ' are 'kohm'. Case counts: s is a second, S a siemens."""
    unit = unit.strip().replace("µ", "u").replace("μ", "u").replace("\u2126", "Ω")
    for other, ours in _SPELLING.items():
        if unit == other or (unit.endswith(other) and ours == "ohm"):
            return unit.removesuffix(other) + ours
    return unit


def known(quantity: Quantity) -> str:
    """The units of a quantity, for a message."""
    return ", ".join(UNITS[quantity])


def scale_of(unit: str, quantity: Quantity) -> tuple[float, float] | None:
    """(factor, offset) from `unit` to uS, ohm, s or C; None where it is no unit of the quantity."""
    return UNITS[quantity].get(plain(unit))


def split_unit(header: str) -> tuple[str, str | None]:
    """The name of a column and the unit that its header tells: `g_uS`, `g (S)`, `r [kOhm]`, `t/ms`; None: no unit."""
    for form in (_BRACKETS, _SUFFIX):
        match = form.match(header.strip())
        if match and any(scale_of(match["unit"], quantity) for quantity in UNITS):
            return match["name"].strip(), plain(match["unit"])
    return header.strip(), None
