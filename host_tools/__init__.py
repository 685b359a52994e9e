"""The workstation's side: data, training, mapping, export, studies, flashing. Heavy imports stay inside functions."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """`host_tools.convert(model, profile, macro)`; Keras is loaded only when it is asked for."""
    if name == "convert":
        from host_tools.conversion import convert

        return convert
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
