"""`rram integer rename`: rows that are equal or opposite share one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options


@click.command(name="rename", context_settings={"max_content_width": 110})
@click.argument("network", metavar="NETWORK.keras", type=click.Path(path_type=Path))
@data_options
@click.option("--rows", "counts", multiple=True, type=click.IntRange(1),
              help="Train on with the last layer tied to at most so many rows; again for more figures.")
@click.option("--layer", metavar="NAME", help="The layer to tie [default: the last].")
@click.option("--teacher", metavar="FILE.keras", type=click.Path(path_type=Path),
              help="With --rows: the ideal network, whose answers help [default: the untied network's].")
@click.option("--epochs", default=2, show_default=True, type=click.IntRange(1), help="With --rows: of each training.")
@click.option("-o", "--output", metavar="FILE.keras", type=click.Path(path_type=Path),
              help="With --rows: where the last of the tied networks goes.")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
              help="With --rows: accuracy against rows.")
@console.common_options
def command(network: Path, data: str, data_dir: str | None, counts: tuple[int, ...], layer: str | None,
            teacher: Path | None, epochs: int, output: Path | None, plot: Path | None, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """Count the rows that a network needs when equal and opposite ones share one, layer by layer.

    Sharing is exact. With --rows the rows of one layer are pulled to that many kinds and the network is trained on;
    accuracies are on the test images, with and without.

    \b
    Example: rram integer rename integer.keras --data digits --rows 40 -o tied.keras
    """
    from host_tools.errors import HostError
    from host_tools.integer.fold import integer_network
    from host_tools.integer.recipe import recipe_for
    from host_tools.integer.report import Tied, as_json, figures, rename_table, row_counts
    from host_tools.integer.tie import tie
    from host_tools.integer.train import tune
    from host_tools.record import check_output, load_model, read_record, save_model

    if (output or plot) and not counts:
        raise HostError("-o and --plot: need --rows, without it nothing is trained")
    if output:
        check_output(output)
    dataset, trained = load_from_options(data, data_dir), load_model(network)
    arrays = integer_network(trained)
    name = layer or arrays.analog[-1].name
    results = [Tied(None, row_counts(arrays), figures(trained, dataset))]
    rename_table(f"{network.name} as trained", results[0])
    recipe = recipe_for(dataset)
    aim = load_model(teacher) if teacher else trained
    for count in counts:
        changed = replace(recipe, epochs=epochs, peak=recipe.peak / 5)
        with console.progress(f"training with {count} rows", epochs) as bar:
            tied, record = tune(dataset, tie(trained, name, count, seed), aim, changed, seed, bar.advance)
        results.append(Tied(count, row_counts(integer_network(tied)), figures(tied, dataset) | record))
        rename_table(f"{name} tied to {count} rows", results[-1])
    if output:
        history = {"tied": {"layer": name, "rows": counts[-1]}, "from": read_record(network)}
        save_model(tied, output, {**results[-1].figures, **history})
    if plot:
        from host_tools.plots.integer_rename import figure

        figure(results, name, f"{network.name}, {data}").savefig(plot, dpi=110)
    console.emit_json({"network": str(network), "layer": name, "results": [as_json(r) for r in results]}, json_file)
