"""Roundings with a straight-through gradient (Bengio, 2013; DoReFa-Net, arXiv 1606.06160): exact forward, identity
backward."""

from __future__ import annotations

from typing import Any

from host_tools.backend import keras

ops = keras.ops


def one_bit(w: Any) -> Any:
    """+1 where w >= 0, else -1; the gradient passes as it is (the weights' constraint keeps |w| <= 1)."""
    return w + ops.stop_gradient(ops.where(w >= 0, 1.0, -1.0) - w)


def to_code(a: Any, highest: int) -> Any:
    """The nearest whole number from 0 to `highest`; the gradient passes within half a code of that range."""
    inside = ops.clip(a, -0.5, highest + 0.5)
    return inside + ops.stop_gradient(ops.clip(ops.round(a), 0.0, float(highest)) - inside)
