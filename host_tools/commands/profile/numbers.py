"""Every number of a profile with its unit, what uses it, and its evidence: what `rram profile show` lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

DOCUMENTATION = "documentation only"
# What uses a section (the longest path that fits): everything else is documentation.
USED = {
    "validity": "checked", "levels": "emulated", "programming": "emulated", "read_noise.relative": "emulated",
    "read_noise.absolute_uS": "emulated", "faults": "emulated", "relaxation.aged": "rram profile at",
    "read_disturb": "rram array", "pulse_response": "rram program",
}
_REFERENCES = {"own_conductance": "of own G", "full_scale": "of G_max", "absolute_uS": "uS"}
_SUFFIXES = {"_uS": "uS", "_s": "s", "_ns": "ns", "_C": "°C", "_pJ": "pJ", "_eV": "eV", "_Hz": "Hz",
             "uS_per_unit": "uS per unit", "_per_decade_uS": "uS a decade"}
_KEYS = {"probability": "share", "weight": "share", "slope": "of 1/f^slope", "pulses": "pulses", "memory": "a pulse",
         "relative_change_per_read": "of G a read", "variance_sigma": "sd of ln variance"}
_SHOWN = 3  # values of a longer list that stand in the table


@dataclass(frozen=True)
class Number:
    """A number (or a list of them): the path of its key, its value as text, its unit, what uses it, its evidence."""

    path: str
    value: str
    unit: str
    used: str
    evidence: dict[str, Any]


def numbers(document: dict[str, Any]) -> list[Number]:
    """All numbers of a parsed profile that has evidence beside or above them, in the document's order."""
    return list(_walk(document, "", None, {}))


def _walk(data: dict[str, Any], path: str, evidence: dict[str, Any] | None, around: dict[str, Any]) -> Iterator[Number]:
    evidence, around = data.get("evidence", evidence), {**around, **data}
    for key, value in data.items():
        where = f"{path}.{key}" if path else key
        if key == "evidence":
            continue
        if isinstance(value, dict):
            yield from _walk(value, where, evidence, around)
        elif isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
            for i, item in enumerate(value):
                yield from _walk(item, f"{where}[{i}]", evidence, around)
        elif evidence is not None and not isinstance(value, (str, bool)):
            yield Number(where, _text(value), _unit(key, path, around), _used(where), evidence)


def _text(value: Any) -> str:
    if not isinstance(value, (list, tuple)):
        return f"{value:.6g}"
    if value and isinstance(value[0], (list, tuple)):
        flat = [x for row in value for x in row]
        return f"{len(value)} rows of {len(value[0])}, {min(flat):.4g} to {max(flat):.4g}"
    if len(value) <= _SHOWN:
        return ", ".join(f"{x:.6g}" for x in value)
    return f"{value[0]:.4g}, {value[1]:.4g}, ... {value[-1]:.4g} ({len(value)} values)"


def _unit(key: str, path: str, around: dict[str, Any]) -> str:
    if key == "value":
        return "of own G" if path.endswith("relative") else "uS"
    if key in ("sigma", "shift", "deviation") and "reference" in around:
        return _REFERENCES[around["reference"]]
    if path.startswith("pulse_response") and key not in _KEYS and "scale" not in path:
        return "unit of state"
    if key in _KEYS:
        return _KEYS[key]
    if key.startswith("share_"):
        return "share of power"
    fitting = [suffix for suffix in _SUFFIXES if key.endswith(suffix)]
    return _SUFFIXES[max(fitting, key=len)] if fitting else ""


def _used(path: str) -> str:
    plain = path.split("[")[0]
    return next((used for section, used in USED.items() if plain == section or plain.startswith(f"{section}.")),
                DOCUMENTATION)
