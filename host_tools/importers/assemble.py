"""From a file's operators to a Keras model: look at all of them first, then build one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from host_tools.errors import HostError
from host_tools.importers.builder import Builder, Value
from host_tools.importers.operators import BROKEN, Network, Operator, Unsuitable, refuse
from host_tools.mapping.carried import carried_steps

SOFTMAX = ("SOFTMAX", "LOG_SOFTMAX", "Softmax", "LogSoftmax")
MOST_PIXELS = 1 << 24
Verb = Callable[[Builder, Network, Operator, list[Value]], Value]
Reason = Callable[[Network, Operator], "str | None"]


def assemble(
    network: Network, verbs: Mapping[str, Verb], reason: Reason, pixels: tuple[float, float] | None, name: str
) -> Any:
    """A Keras model from images in [0, 1] to logits; a softmax at the end is left out.

    reason: why an operator is not carried whatever its input, or None. HostError names every such operator; then, one
    by one, what does not fit where it stands.
    """
    refuse(network.where, _unsuitable(network, reason))
    _check_input(network)
    shape = (*network.input_shape, 1) if len(network.input_shape) == 2 else network.input_shape  # grey
    builder = Builder(shape, pixels or network.pixels)
    values = {network.input_key: replace(builder.input, axes=network.axes)}
    for operator in network.operators:
        try:
            given = [values[key] for key in operator.inputs if key in values]
            if not given:
                raise Unsuitable("nothing that is computed before it")
            result = verbs[operator.kind](builder, network, operator, given)
        except Unsuitable as error:
            refuse(network.where, {operator.name: str(error)})
            raise AssertionError from error  # refuse has raised
        except BROKEN as error:
            text = " ".join(str(error).split())[:120]
            raise HostError(f"{network.where}: {operator.name} ({operator.kind}): {text}") from None
        key = operator.outputs[0]
        values[key] = result if network.uses(key) == 1 else replace(result, layer=None)
    return _finished(network, builder, values, name)


def _finished(network: Network, builder: Builder, values: dict[str, Value], name: str) -> Any:
    if network.output_key not in values:
        raise HostError(f"{network.where}: nothing computes its output")
    try:
        model = builder.model(name, values[network.output_key])
    except Unsuitable as error:
        raise HostError(f"{network.where}: {error}") from None
    try:
        carried_steps(model)
    except HostError as error:
        raise HostError(f"{network.where}: {error}") from None
    return model


def _unsuitable(network: Network, reason: Reason) -> dict[str, str]:
    reasons: dict[str, str] = {}
    last = network.operators[-1] if network.operators else None
    for operator in network.operators:
        why = reason(network, operator)
        if why is None and operator.kind in SOFTMAX and operator is not last:
            follows = network.operators[network.operators.index(operator) + 1 :]
            why = None if all(o.kind in ("DEQUANTIZE", "QUANTIZE", "Identity") for o in follows) else "softmax inside"
        if why is not None:
            key = operator.name
            reasons[key if key not in reasons else f"{key} of {operator.outputs[0]}"] = why
    return reasons


def _check_input(network: Network) -> None:
    """HostError where the input is no image: rows, columns, channels; or a vector."""
    shape = network.input_shape
    size = 1
    for length in shape:
        size *= max(length, 0)
    if len(shape) not in (1, 2, 3) or not 1 <= size <= MOST_PIXELS:
        raise HostError(f"{network.where}: takes {list(shape)}, expected an image: height, width and channels")
