"""`rram import`: a network of another tool becomes a Keras model."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options
from host_tools.importers.options import pixels_option


@click.command(name="import", context_settings={"max_content_width": 110})
@click.argument("network", metavar="NETWORK", type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", required=True, metavar="FILE.keras", type=click.Path(path_type=Path), help="File to write."
)
@pixels_option
@partial(data_options, required=False)
@console.common_options
def command(network: Path, output: Path, pixels: tuple[float, float] | None, data: str | None, data_dir: str | None,
            seed: int, json_file: str | None) -> None:  # fmt: skip
    """Read a .tflite (int8) or .onnx network into a .keras file, from which rram distill and export start.

    Weights become real numbers, channels come last, a softmax at the end is left out. What a board does not carry is
    named, operator by operator, before any work is done. With a data set its accuracy on validation images is a check
    that pixels and classes are as the network knows them.

    \b
    Example: rram import resnet.onnx -o teacher.keras
    """
    from host_tools.export import check_fit
    from host_tools.importers import load
    from host_tools.mapping.carried import ANALOG, carried_steps
    from host_tools.record import check_output, save_model, sha256
    from host_tools.training.loop import accuracy

    check_output(output)
    dataset = None if data is None else load_from_options(data, data_dir)
    model = load(network, pixels)
    analog = sum(step.kind in ANALOG for step in carried_steps(model))
    record = {
        "kind": "imported",
        "model": model.name,
        "source": {"file": network.name, "sha256": sha256(network)},
        "pixels": pixels,
    }
    if dataset is not None:
        check_fit(model, dataset)
        _, images, labels = dataset.validation()
        record |= {"data": dataset.name, "validation_accuracy": accuracy(model, images, labels)}
    save_model(model, output, record)
    takes, classes = " x ".join(str(size) for size in model.input_shape[1:]), model.output_shape[-1]
    console.say(
        f"{output}: images of {takes} to {classes} logits, {model.count_params():,} parameters, {analog} analog layers"
    )
    if dataset is not None:
        console.say(f"{len(labels):,} validation images of {dataset.name}: {record['validation_accuracy']:.2f} %")
    console.say(f"next: rram distill --teacher {output} --profile charan-65nm --data-dir DIR -o student.keras")
    result = {"file": str(output), **record, "input": list(model.input_shape[1:]), "classes": classes,
              "parameters": model.count_params(), "analog_layers": analog}  # fmt: skip
    console.emit_json(result, json_file)
