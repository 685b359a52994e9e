"""`rram train`: the ideal network."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options
from host_tools.device import device_option


@click.command(name="train", context_settings={"max_content_width": 110})
@data_options
@click.option(
    "--model",
    default="auto",
    show_default=True,
    metavar="NAME",
    help="Network: lenet5, tiny, resnet8, resnet8-w32, vgg6, vgg16, or auto (chosen by the images).",
)
@click.option(
    "-o", "--output", required=True, metavar="FILE.keras", type=click.Path(path_type=Path), help="File to write."
)
@click.option("--epochs", type=click.IntRange(1), help="Epochs [default: the data set's recipe].")
@click.option("--resume", is_flag=True, help="Go on with an interrupted training of the same output.")
@device_option
@console.common_options
def command(
    data: str, data_dir: str | None, model: str, output: Path, epochs: int | None, resume: bool, seed: int,
    json_file: str | None,
) -> None:  # fmt: skip
    """Train the ideal network (the teacher) on a data set.

    The last tenth of the training images (at most 5,000) is kept for validation; the test images are used once, at
    the end. The file opens with keras.models.load_model and carries a record of how it was made.

    \b
    Example: rram train --data digits -o teacher.keras
    """
    from host_tools.record import check_output
    from host_tools.training import loop, recipes, train
    from host_tools.training.checkpoint import Checkpoint

    check_output(output)
    dataset = load_from_options(data, data_dir)
    recipe = recipes.for_data(data).teacher
    recipe = replace(recipe, model=recipe.model if model == "auto" else model, epochs=epochs or recipe.epochs)
    checkpoint = Checkpoint.beside(output, {"what": [asdict(recipe), seed, dataset.name]}, resume)
    with checkpoint.kept(console.say), console.progress("training", recipe.epochs) as bar:
        network, record = train.train(dataset, recipe, seed, bar.advance, checkpoint)
    record["test_accuracy"] = loop.accuracy(network, dataset.x_test, dataset.y_test)
    train.save_model(network, output, record)
    checkpoint.clear()
    console.say(
        f"{output}: {record['model']}, {network.count_params():,} parameters; "
        f"validation {record['validation_accuracy']:.2f} %, test {record['test_accuracy']:.2f} %"
    )
    console.emit_json({"file": str(output), **record}, json_file)
