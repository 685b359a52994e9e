"""`rram pairings`: a network's accuracy on chips by pairing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from host_tools import console
from host_tools.data.options import data_options, load_from_options
from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.profile import DeviceProfile
    from host_tools.pairing.compare import PairingResult


@click.command(context_settings={"max_content_width": 110})
@click.argument("network", metavar="NETWORK.keras", type=click.Path(path_type=Path))
@click.option("--profile", required=True, metavar="NAME|FILE", help="Noise profile: a preset or a JSON file.")
@data_options
@click.option("--macro", metavar="NAME|FILE", help="Macro: a preset or JSON [default: 128 x 128, 8-bit DAC and ADC].")
@click.option("--ratio", "ratios", metavar="X,X", help="On/off ratios, 'inf' too [default: the profile's].")
@click.option("--chips", default=5, show_default=True, type=click.IntRange(1, 1000), help="Chips of each pairing.")
@click.option("--images", default=1000, show_default=True, type=click.IntRange(1), help="At most so many test images.")
@click.option("--clip", default=2.5, show_default=True, metavar="SD", type=click.FloatRange(0, min_open=True),
              help="Plain networks only: weight of the highest level, in standard deviations.")
@click.option("--time", "time_s", default=0.0, metavar="SECONDS", help="Age of the cells at use [default: fresh].")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
              help="Draw every chip.")
@console.common_options
def command(network: Path, profile: str, data: str, data_dir: str | None, macro: str | None, ratios: str | None,
            chips: int, images: int, clip: float, time_s: float, plot: Path | None, seed: int,
            json_file: str | None) -> None:  # fmt: skip
    """Run a network on arrays of differential pairs, of offset cells and of bit slices, and compare.

    Spread, faults, read noise and converters are on; there is no calibration. A board emulates differential pairs only.

    \b
    Example: rram pairings teacher.keras --profile charan-65nm --data mnist --ratio 5,10,inf --plot pairings.png
    """
    from device_models.macro import MacroConfig
    from device_models.profile import DeviceProfile
    from device_models.readings import with_on_off_ratio
    from host_tools.export import check_fit
    from host_tools.pairing.compare import Trial, every_pairing, on_pairing
    from host_tools.pairing.network import weights_of
    from host_tools.record import load_model
    from host_tools.training.loop import accuracy

    device, circuit = DeviceProfile.load(profile), MacroConfig.load(macro) if macro else MacroConfig()
    devices = [device] if ratios is None else [with_on_off_ratio(device, ratio) for ratio in _ratios(ratios)]
    dataset, model = load_from_options(data, data_dir), load_model(network)
    check_fit(model, dataset)
    weights = weights_of(model, clip)
    trial = Trial.test(dataset, images, range(seed * chips, (seed + 1) * chips), time_s)
    macros, why_not = every_pairing(circuit, device)
    for pairing, reason in why_not.items():
        console.say(f"note: {pairing}: {reason}")
    found: list[PairingResult] = []
    with console.progress(f"{chips} chips each", len(macros) * len(devices) * chips) as bar:
        for one in devices:
            found += [on_pairing(weights, one, m, trial, bar.advance) for m in macros.values()]
    ideal = accuracy(model, dataset.x_test[:images], dataset.y_test[:images])
    title = f"{model.name} on {dataset.name}, {len(trial.labels):,} test images, {chips} chips; ideal {ideal:.2f} %"
    _show(title, found, devices)
    if plot is not None:
        from host_tools.plots.pairings import pairings_figure

        pairings_figure(found, _labels(devices), ideal, title).savefig(plot)
        console.say(f"figure: {plot}")
    console.emit_json({"network": network.name, "data": dataset.name, "images": len(trial.labels), "chips": chips,
                       "seed": seed, "time_s": time_s, "ideal_percent": ideal, "left_out": why_not,
                       "rows": [row.as_json() | {"on_off_ratio": ratio} for name, ratio in _on_off(devices).items()
                                for row in found if row.profile == name]}, json_file)  # fmt: skip


def _ratios(text: str) -> list[float]:
    try:
        ratios = [float(part) for part in text.split(",")]
    except ValueError:
        ratios = [math.nan]
    if not all(ratio > 1 for ratio in ratios):
        raise HostError(f"--ratio: {text!r} is not a list of numbers > 1 such as 5,10,inf")
    return list(dict.fromkeys(ratios))


def _on_off(devices: list[DeviceProfile]) -> dict[str, float | None]:
    """G_max / G_min by profile; None where no current is worth counting at the lowest level."""
    from device_models.readings import INFINITE

    return {one.name: one.g_max_uS / one.g_min_uS if one.g_max_uS < INFINITE * one.g_min_uS else None
            for one in devices}


def _labels(devices: list[DeviceProfile]) -> dict[str, str]:
    """How a profile is called in a table: by its on/off ratio."""
    return {name: "infinite" if ratio is None else f"{ratio:.3g}" for name, ratio in _on_off(devices).items()}


def _show(title: str, found: list[PairingResult], devices: list[DeviceProfile]) -> None:
    labels = _labels(devices)
    console.table(title, ["pairing", "G_max / G_min", "cells", "levels only %", "on chips %", "sd", "min"],
                  [[row.pairing, labels[row.profile], f"{row.cells:,}", f"{row.no_spread:.2f}", f"{row.mean:.2f}",
                    f"{row.std:.2f}", f"{min(row.values):.2f}"] for row in found])
