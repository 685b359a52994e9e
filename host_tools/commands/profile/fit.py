"""`rram profile fit`: from tables of measured cells to a profile."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.commands.measured_options import MeasuredFiles, measured_options, units_of
from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.fit.profile import Bakes, FitResult
    from device_models.fit.read_noise import SeriesNoise
    from device_models.measured import MeasuredCells

FEW = 0.5  # of the levels may have their median cell elsewhere without a word (technology B: 0.4)
FAMILIES = ("normal", "log-normal", "gaussian-mixture", "quantiles")


@click.command("fit", context_settings={"max_content_width": 118})
@measured_options
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, callback=console.writable,
              help="Profile to write.")
@click.option("--name", metavar="NAME", help="Name of the profile [default: of the file to write].")
@click.option("--level-uS", "level_us", metavar="EXPRESSION",
              help="Target in uS over `level`: '(level + 0.5) * 7.5' [default: medians].")
@click.option("--cells", "half", type=click.Choice(["a", "b", "all"]), default="a", show_default=True,
              help="Half of the cells to fit, by a hash of the cell; `check` judges by the other.")
@click.option("--family", type=click.Choice(FAMILIES), help="Distribution [default: by held-out score].")
@click.option("--noise", type=click.Path(path_type=Path), help="Read-noise time series, one a row.")
@click.option("--noise-rate", metavar="HZ", type=float, help="Sampling rate of --noise.")
@click.option("--noise-unit", metavar="UNIT", help="Unit of the samples of --noise, such as S.")
@click.option("--bakes", type=click.Path(path_type=Path), help="Table of bakes (a temperature column).")
@click.option("--bake-columns", metavar="NAME,...", help="Names of its columns, where it has no header.")
@click.option("--bake-target", metavar="EXPRESSION", help="Its target level [default: --target].")
@click.option("--bake-unit", "bake_units", metavar="COLUMN=UNIT", multiple=True, callback=units_of,
              help="Unit of one of its columns; again for more [default: --unit].")
@click.option("--source", default="not stated", show_default=True, help="Where the cells come from.")
@click.option("--licence", default="not stated", show_default=True, help="Licence of the data.")
@click.option("--conditions", default="not stated", show_default=True, help="How they were measured.")
@console.common_options
def command(
    measured: MeasuredFiles, output: Path, name: str | None, level_us: str | None, half: str, family: str | None,
    noise: Path | None, noise_rate: float | None, noise_unit: str | None, bakes: Path | None, bake_columns: str | None,
    bake_target: str | None, bake_units: dict[str, str], source: str, licence: str, conditions: str, seed: int,
    json_file: str | None,
) -> None:
    """Fit a profile to cells: levels, spread after programming, relaxation, read noise, bakes.

    \b
    Example: rram profile fit cells.csv --target 'addr % 32' -o my.json
    """
    from device_models.fit.profile import About, fit_profile

    cells = measured.cells()
    for line in cells.said:
        console.say(line)
    about = About(name or output.name.removesuffix(".json"), source, licence, conditions)
    result = fit_profile(
        _half(cells, half), about, level_uS=level_us, family=family, half=half,
        noise=_noise(noise, noise_rate, noise_unit),
        bakes=_bakes(bakes, bake_columns, bake_target or measured.target, bake_units or measured.units, half, seed))
    output.write_text(result.profile.to_json(), encoding="utf-8")
    _print(result)
    console.say(f"{output}: {result.profile.name}, {result.profile.n_levels} levels, {len(_times(result))} times")
    other = {"a": "", "b": " --cells a", "all": ""}[half]  # half b is what `check` judges by unasked
    console.say(f"next: rram profile check {shlex.quote(str(output))} {measured.told()}{other}")
    console.emit_json(_json(result), json_file)


def _half(cells: MeasuredCells, half: str) -> MeasuredCells:
    return cells if half == "all" else cells.half(half)  # type: ignore[arg-type]


def _noise(path: Path | None, rate_Hz: float | None, unit: str | None) -> tuple[SeriesNoise, ...]:
    if path is None:
        if rate_Hz is not None or unit is not None:
            raise HostError("--noise-rate and --noise-unit need --noise")
        return ()
    from device_models.fit.read_noise import fit_read_noise
    from device_models.measured import read_series

    return fit_read_noise(read_series(path, rate_Hz=rate_Hz, unit=unit))


def _bakes(
    path: Path | None, columns: str | None, target: str | None, units: dict[str, str], half: str, seed: int
) -> Bakes | None:
    if path is None:
        if columns is not None:
            raise HostError("--bake-columns needs --bakes")
        return None
    from device_models.fit.profile import Bakes
    from device_models.fit.retention import bake_statistics, fit_arrhenius
    from device_models.measured import read_bakes

    names = None if columns is None else [name.strip() for name in columns.split(",")]
    cells = _half(read_bakes([path], columns=names, target=target, units=units), half)
    statistics = bake_statistics(cells)
    return Bakes(cells, statistics, fit_arrhenius(cells, "broadening", seed) if len(statistics) >= 3 else None)


def _print(result: FitResult) -> None:
    choice, profile = result.choice, result.profile
    rows = [[s.name, f"{s.score:.5f}", f"{s.worse:.5f} +- {s.error:.5f}", "<-" if s.name == choice.name else ""]
            for s in choice.scores]
    console.table("Distributions, by the score of cells that the fit did not see (lower is better)",
                  ["distribution", "score", "worse than the best", ""], rows)
    console.say(f"chosen: {choice.why}")
    console.say(f"pooling: {choice.pooling}")
    far = result.far_levels
    if len(far) > FEW * profile.n_levels:
        console.say(f"warning: the median cell of {len(far)} of {profile.n_levels} levels lies nearer to another "
                    "level's target than to its own: is --target right, and --level-uS?")
    if result.left_out_s:
        times = ", ".join(f"{t:g}" for t in result.left_out_s)
        console.say(f"left out: fewer than 30 cells of a level at {times} s")
    if result.stuck is not None:
        for end, rate in (("low", result.stuck.low), ("high", result.stuck.high)):
            low, high = rate.interval
            console.say(f"stuck {end}: {100 * rate.probability:.2g} % ({100 * low:.2g} to {100 * high:.2g} %), "
                        f"{rate.n_stuck} of {rate.n_cells} cells, {result.stuck.median_readings:g} readings each; they "
                        "are part of the spread, not added to it")
    if profile.retention is not None:
        console.say(f"bakes: {profile.retention.evidence.note}")
    if profile.read_noise.spectrum is not None:
        s = profile.read_noise.spectrum
        console.say(f"read noise: white {s.share_white:.0%}, flicker {s.share_flicker:.0%} (1/f^{s.slope:g}), "
                    f"telegraph {s.share_rtn:.0%} of the power at {s.band_Hz[0]:g} to {s.band_Hz[1]:g} Hz")


def _times(result: FitResult) -> list[float]:
    relaxation = result.profile.relaxation
    return [0.0] + ([aged.time_s for aged in relaxation.aged] if relaxation else [])


def _json(result: FitResult) -> dict[str, Any]:
    stuck = result.stuck
    ends = {} if stuck is None else {
        end: {key: getattr(rate, key) for key in ("probability", "interval", "n_stuck", "n_cells")}
        for end, rate in (("low", stuck.low), ("high", stuck.high))}
    return {"profile": result.profile.model_dump(mode="json", exclude_none=True),
            "chosen": result.choice.name, "why": result.choice.why, "pooling": str(result.choice.pooling),
            "scores": [asdict(score) for score in result.choice.scores], "left_out_s": result.left_out_s,
            "n_cells": result.n_cells, "n_rows": result.n_rows, "stuck": ends}
