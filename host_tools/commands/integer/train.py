"""`rram integer train`: 1-bit weights, 2-bit activations, integer sums to the end."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options


@click.command(name="train", context_settings={"max_content_width": 110})
@data_options
@click.option("--teacher", metavar="FILE.keras", type=click.Path(path_type=Path),
              help="A trained network, any chain: gives shapes, first weights and, as a teacher, its answers.")
@click.option("--model", default="auto", show_default=True, metavar="NAME",
              help="Without --teacher: an untrained network of the zoo (lenet5, tiny, auto).")
@click.option("-o", "--output", required=True, metavar="FILE.keras", type=click.Path(path_type=Path),
              help="File to write.")
@click.option("--epochs", type=click.IntRange(1), help="Epochs [default: the data set's recipe].")
@click.option("--bits", default=2, show_default=True, type=click.IntRange(1, 4), help="Of an activation's code.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted training of the same output.")
@console.common_options
def command(data: str, data_dir: str | None, teacher: Path | None, model: str, output: Path, epochs: int | None,
            bits: int, resume: bool, seed: int, json_file: str | None) -> None:  # fmt: skip
    """Train a network of 1-bit weights and 2-bit activations that classifies by integer sums alone.

    The test images are used once, at the end, by the folded network and by integers in NumPy; both must agree.

    \b
    Example: rram integer train --data digits -o integer.keras
             rram integer train --data mnist --teacher teacher.keras -o lenet5-integer.keras
    """
    from host_tools import models
    from host_tools.integer.recipe import recipe_for
    from host_tools.integer.report import figures
    from host_tools.integer.train import train
    from host_tools.record import check_output, load_model, save_model, sha256
    from host_tools.training.checkpoint import Checkpoint

    check_output(output)
    dataset = load_from_options(data, data_dir)
    network = load_model(teacher) if teacher else models.build(model, dataset.shape, len(dataset.classes), seed)
    recipe = recipe_for(dataset)
    recipe = replace(recipe, epochs=epochs or recipe.epochs, bits=bits, kd=recipe.kd if teacher else 0.0)
    made_of = sha256(teacher) if teacher else network.name
    checkpoint = Checkpoint.beside(output, {"integer": [asdict(recipe), seed, dataset.name, made_of]}, resume)
    with checkpoint.kept(console.say), console.progress("training", recipe.epochs) as bar:
        trained, record = train(dataset, network, recipe, seed, bar.advance, checkpoint)
    if teacher:
        record["teacher"] = {"file": teacher.name, "sha256": sha256(teacher)}
    record |= figures(trained, dataset)
    save_model(trained, output, record)
    checkpoint.clear()
    console.say(
        f"{output}: {record['model']}, {record['weights']:,} weights of 1 bit; validation"
        f" {record['validation_accuracy']:.2f} %, test {record['test_accuracy']:.2f} % (integers in NumPy;"
        f" the folded network differs in {record['folded_differs']} of {record['test_images']:,})"
    )
    console.say(f"next: rram integer rename {output} --data {data}")
    console.emit_json({"file": str(output), **record}, json_file)
