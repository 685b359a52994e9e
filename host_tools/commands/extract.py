"""`rram profile extract`: how many levels a technology carries and how far its cells spread, from measured cells."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.commands.measured_options import MeasuredFiles, measured_options
from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.extract import Extraction
    from device_models.measured import MeasuredCells

PERCENT = ("own_mean", "log", "full_scale", "range", "step")


@click.command("extract", context_settings={"max_content_width": 110})
@measured_options
@click.option("--error", "errors", type=click.FloatRange(0, 0.5, min_open=True, max_open=True), multiple=True,
              default=(0.01, 0.05, 0.1), show_default=True, help="Share of cells in a wrong bin; again for more.")
@click.option("--time", "times", metavar="S", type=float, multiple=True,
              help="Seconds after programming; again for more [default: first and last].")
@click.option("--samples", type=click.IntRange(2, 10_000), default=200, show_default=True, help="Bootstrap samples.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), callback=console.writable,
              help="Draw levels against error, and the spread of each level.")
@console.common_options
def command(measured: MeasuredFiles, errors: tuple[float, ...], times: tuple[float, ...], samples: int,
            plot: Path | None, seed: int, json_file: str | None) -> None:  # fmt: skip
    """Extract statistics of a technology from cells: levels that can be told apart, spread under every convention.

    Levels and boundaries between them are chosen so that the fewest cells are read in a wrong bin, each level counting
    alike; "held out" chooses on one half of the cells and judges on the other; "none worse" is the number of levels
    of which not one exceeds the error. No answer has more levels than were programmed.

    \b
    Example: rram profile extract cells.csv --target 'addr % 32' --error 0.1
    """
    from device_models.errors import ProfileError
    from device_models.extract import extract

    cells = measured.cells()
    found: dict[float, Extraction] = {}
    for time_s in _times(cells, times):
        some = _first_readings(cells, time_s)
        try:
            found[time_s] = extract(some.level, some.g_uS, errors=errors, cell=some.cell, samples=samples, seed=seed)
        except ProfileError as error:
            raise ProfileError(f"{cells.source}: at {time_s:g} s: {error}") from None
    for time_s, answer in found.items():
        _print(f"{answer.cells:,} cells of {len(answer.levels)} levels, {time_s:g} s after programming", answer)
    if plot:
        from host_tools.plots.extract import figure

        figure(found, cells.source).savefig(plot, dpi=100)
        console.say(f"picture: {plot}")
    console.emit_json({"source": cells.source, "times": [_json(t, answer) for t, answer in found.items()]}, json_file)


def _times(cells: MeasuredCells, wanted: tuple[float, ...]) -> list[float]:
    import numpy as np

    known = np.unique(cells.time_s)
    for time_s in wanted:
        if time_s not in known:
            raise HostError(f"--time: no reading at {time_s:g} s, expected one of {', '.join(f'{t:g}' for t in known)}")
    return sorted(set(wanted or (float(known[0]), float(known[-1]))))


def _first_readings(cells: MeasuredCells, time_s: float) -> MeasuredCells:
    """One reading of each cell at that time: the first."""
    import numpy as np

    rows = np.flatnonzero(cells.time_s == time_s)
    _, first = np.unique(cells.cell[rows], return_index=True)
    return cells.where(rows[np.sort(first)])


def _print(title: str, answer: Extraction) -> None:
    header = ["wrong bin at most", "levels", "5 to 95 %", "wrong bin", "held out", "none worse", "which levels"]
    rows = []
    for told in answer.told:
        low, high = told.interval
        rows.append([f"{100 * told.error:g} %", str(told.choice.count), f"{low} to {high}",
                     f"{100 * told.choice.error:.1f} %", f"{100 * told.held_out:.1f} %", str(told.worst.count),
                     " ".join(map(str, told.choice.levels))])
    console.table(f"Levels told apart: {title}", header, rows)
    header = ["spread as", "sd", "robust sd", "variance (sd²)", "rms of levels", "robust rms"]
    console.table("Spread, median over the levels (± its standard error)", header, _spread_rows(answer))


def _spread_rows(answer: Extraction) -> list[list[str]]:
    from device_models.extract.conventions import MEANING

    rows = []
    for name, meaning in MEANING.items():
        scale, unit = (100, " %") if name in PERCENT else (1, " uS")
        plain, robust = answer.spread(name, "plain"), answer.spread(name, "robust")
        variance = f"{100 * plain.variance:.3g} %" if name in PERCENT else f"{plain.variance:.3g} uS²"
        rows.append([
            meaning, f"{scale * plain.median:.3g} ± {scale * plain.median_error:.2g}{unit}",
            f"{scale * robust.median:.3g} ± {scale * robust.median_error:.2g}{unit}", variance,
            f"{scale * plain.rms:.3g}{unit}", f"{scale * robust.rms:.3g}{unit}"])
    return rows


def _json(time_s: float, answer: Extraction) -> dict[str, Any]:
    document = asdict(answer)
    document["told_apart"] = document.pop("told")
    for told in document["told_apart"]:
        for choice in (told["choice"], told["worst"]):
            choice["count"] = len(choice["levels"])
    for spread, one in zip(document["spreads"], answer.spreads, strict=True):
        spread["unit"] = "1" if one.convention in PERCENT else "uS"
        spread["variance"] = one.variance
    return {"time_s": time_s, **document}
