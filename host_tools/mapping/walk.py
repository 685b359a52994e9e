"""A Keras model as a list of steps: what each layer takes, in an order in which all can be computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from host_tools.errors import HostError

Shape = tuple[Any, ...]
Key = tuple[str, int, int]  # Keras' name of a tensor: layer, number of the call, number of the output


@dataclass(frozen=True)
class Step:
    """One layer; `sources` are the earlier steps whose outputs it takes, -1 being the model's input.

    Shapes are without the batch. `calls`: how often the model uses the layer; more than once is for others to refuse.
    """

    layer: Any
    sources: tuple[int, ...]
    in_shapes: tuple[Shape, ...]
    out_shape: Shape
    calls: int = 1

    @property
    def name(self) -> str:
        """The layer's name."""
        return str(self.layer.name)

    @property
    def kind(self) -> str:
        """Name of the layer's class."""
        return type(self.layer).__name__


def walk(model: Any) -> list[Step]:
    """Steps of a built Sequential or functional model with one input and one output, the input layer left out.

    HostError for other kinds of models, an input without a fixed shape, and several outputs.
    """
    from host_tools.backend import keras

    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or any(size is None for size in shape[1:]):
        raise HostError(f"{model.name}: takes {shape}, expected one input with a fixed shape (height, width, channels)")
    if not isinstance(model.output_shape, tuple):
        raise HostError(f"{model.name}: gives {len(model.output_shape)} outputs, expected one: the logits")
    if isinstance(model, keras.Sequential):
        return _chain(model, keras)
    if not isinstance(model, keras.Model) or not hasattr(model, "operations"):
        raise HostError(f"{model.name}: a {type(model).__name__}, expected a Sequential or functional model")
    return _graph(model)


def _chain(model: Any, keras: Any) -> list[Step]:
    steps: list[Step] = []
    shape: Shape = tuple(model.input_shape[1:])
    for layer in model.layers:
        out = tuple(layer.compute_output_spec(keras.KerasTensor((None, *shape))).shape[1:])
        steps.append(Step(layer, (len(steps) - 1,), (shape,), out))
        shape = out
    return steps


def _graph(model: Any) -> list[Step]:
    config = model.get_config()
    operations = {operation.name: operation for operation in model.operations}
    items = [item for item in config["layers"] if item["class_name"] != "InputLayer"]
    outputs: dict[Key, int] = {(name, 0, 0): -1 for name in operations if name not in {i["name"] for i in items}}
    outputs |= {(item["name"], 0, 0): number for number, item in enumerate(items)}
    taken = {item["name"]: list(_tensors(item["inbound_nodes"][:1])) for item in items}
    shapes: dict[Key, Shape] = {key: shape for tensors in taken.values() for key, shape in tensors}
    steps = []
    for item in items:
        name, calls = item["name"], len(item["inbound_nodes"])
        keys = [key for key, _ in taken[name]]
        if any(key not in outputs for key in keys):
            calls = max(calls, 2)  # takes what a layer gives at its second call, or a layer's second output
        steps.append(Step(operations[name], tuple(outputs.get(key, -1) for key in keys),
                          tuple(shape for _, shape in taken[name]),
                          shapes.get((name, 0, 0), tuple(model.output_shape[1:])), calls))  # fmt: skip
    return steps


def _tensors(part: Any) -> Iterator[tuple[Key, Shape]]:
    """The tensors that a serialised call takes, with their shapes without the batch, in the order of its arguments."""
    if isinstance(part, dict) and part.get("class_name") == "__keras_tensor__":
        config = part["config"]
        name, call, output = config["keras_history"]
        yield (name, call, output), tuple(config["shape"][1:])
        return
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, (list, tuple)) else ():
        yield from _tensors(inner)
