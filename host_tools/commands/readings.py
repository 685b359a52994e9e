"""`rram profile readings`: what a spread that is only a number leaves open, as accuracy of a network on chips."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from host_tools import console
from host_tools.errors import HostError

if TYPE_CHECKING:
    from host_tools.study.readings import ReadingResult


@click.command("readings", context_settings={"max_content_width": 110})
@click.argument("profile", metavar="NAME|FILE", default="charan-65nm")
@click.option("--share", type=click.FloatRange(0, 1, min_open=True), default=0.5, show_default=True,
              help="The number that is read in six ways.")
@click.option("--ratio", "ratios", metavar="R,R,...", default="5,10,inf", show_default=True,
              help="On/off ratios G_max / G_min of equally spaced levels; 'inf': none flows when off.")
@click.option("--network", metavar="FILE.keras", type=click.Path(path_type=Path),
              help="Ideal network [default: the teacher of --recipe, trained if it is not in the cache].")
@click.option("--recipe", default="mnist-lenet5", show_default=True, metavar="NAME", help="Network and data set.")
@click.option("--data-dir", metavar="DIR", type=click.Path(), help="Folder with the data.")
@click.option("--chips", default=20, show_default=True, type=click.IntRange(1, 10_000), help="Number of chips.")
@click.option("--images", type=click.IntRange(1), help="At most so many test images [default: all].")
@click.option("--engine", default="auto", type=click.Choice(["auto", "c", "numpy"]), show_default=True,
              help="What computes.")
@click.option("--workers", type=click.IntRange(1), help="Processes side by side [default: one a core].")
@click.option("--cache", metavar="DIR", type=click.Path(path_type=Path), help="Where recipes keep trained networks.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), callback=console.writable,
              help="Draw every chip of every reading.")
@console.common_options
def command(profile: str, share: float, ratios: str, network: Path | None, recipe: str, data_dir: str | None,
            chips: int, images: int | None, engine: str, workers: int | None, cache: Path | None, plot: Path | None,
            seed: int, json_file: str | None) -> None:  # fmt: skip
    """Read "a spread of 50 %" in six ways and measure an ideal network on chips of each.

    The network is mapped on differential pairs of the profile's number of levels, with no help of any kind.

    \b
    Example: rram profile readings charan-65nm --chips 20 --json readings.json
    """
    from device_models.profile import DeviceProfile
    from host_tools.data import load
    from host_tools.record import load_model
    from host_tools.study.prepare import default_cache, workshop
    from host_tools.study.readings import compare_readings
    from host_tools.study.run import StudyOptions
    from host_tools.training import recipes

    document, wanted, chosen = DeviceProfile.load(profile), _ratios(ratios), recipes.get(recipe)
    data = load(chosen.data, data_dir)
    path = network or workshop(chosen, data, seed, cache or default_cache()).teacher()
    options = StudyOptions(chips, seed * chips, workers, images)
    with tempfile.TemporaryDirectory() as folder:
        found = compare_readings(load_model(path), data, document, share, wanted, options, engine, Path(folder))
    title = (f"{document.n_levels} levels, {100 * share:g} %: ideal network on {chips} chips, {data.name}, "
             f"{images or len(data.y_test):,} test images, per cent")
    _print(title, found, wanted)
    if plot:
        from host_tools.plots.readings import figure

        figure(found, title).savefig(plot, dpi=130)
        console.say(f"picture: {plot}")
    console.emit_json({"profile": document.name, "levels": document.n_levels, "share": share, "data": data.name,
                       "chips": chips, "images": images or len(data.y_test), "seed": seed,
                       "readings": [one.as_json() for one in found]}, json_file)


def _ratios(text: str) -> list[float]:
    try:
        found = [float(word) for word in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(ratio > 1 for ratio in found):
        raise HostError(f"--ratio: {text!r} is not a list of numbers above 1 such as 5,10,inf")
    return found


def ratio_text(ratio: float) -> str:
    """'5', or 'infinite'."""
    return f"{ratio:g}" if math.isfinite(ratio) else "infinite"


def _print(title: str, found: list[ReadingResult], ratios: list[float]) -> None:
    cells = {(one.reading, one.on_off_ratio): one.as_json() for one in found}
    rows = [[one.reading, one.meaning, *(f"{cells[one.reading, r]['mean']:.1f} ± {cells[one.reading, r]['std']:.1f}"
                                         for r in ratios)] for one in found[: len(found) // len(ratios)]]
    console.table(title, ["reading", "meaning", *(f"on/off {ratio_text(r)}" for r in ratios)], rows)
