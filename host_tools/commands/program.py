"""`rram program`: write the cells of a profile with an algorithm; the outcome is a profile again."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from device_models.write.names import Algorithm, Model
from host_tools import console
from host_tools.commands.outside_option import outside_option
from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.profile import DeviceProfile
    from device_models.write.report import WriteReport
    from device_models.write.setup import Setup

FILE: Any = {"type": click.Path(path_type=Path), "callback": console.writable}


@click.command(context_settings={"max_content_width": 110})
@click.option("--profile", required=True, metavar="NAME", help="Whose cells: a preset or a file.")
@click.option("--algorithm", required=True, metavar="NAME", help=f"{', '.join(get_args(Algorithm))}.")
@click.option("--model", default="statistical", metavar="NAME", help=f"{', '.join(get_args(Model))}.")
@click.option("--levels", metavar="N|uS,uS", help="Number, or targets [default: the profile's].")
@click.option("--tolerance-uS", "tolerance_uS", type=float, metavar="uS", help="Of a read [default: half a level].")
@click.option("--early-uS", "early_uS", default=0.0, metavar="uS", help="igvva, ispva: stop below the target.")
@click.option("--start-V", "start_V", default=0.5, metavar="V", show_default=True, help="igvva, ispva: first voltage.")
@click.option("--step-mV", "step_mV", default=100.0, metavar="mV", show_default=True, help="igvva, ispva: step.")
@click.option("--max-pulses", default=1000, metavar="N", show_default=True, help="Of one cell and pass.")
@click.option("--reads", default=1, metavar="N", show_default=True, help="rvw, multipass: averaged for a verify.")
@click.option("--passes", default=3, metavar="N", show_default=True, help="multipass: writes, the first included.")
@click.option("--wait-s", default=1.0, metavar="S", show_default=True, help="multipass: between passes.")
@click.option("--pulse-ns", default=1000.0, metavar="NS", show_default=True, help="Width of a pulse.")
@click.option("--read-ns", default=1000.0, metavar="NS", show_default=True, help="Time of a verify read.")
@click.option("--cells", default=1000, metavar="N", show_default=True, help="Of each level.")
@click.option("--relax-s", default=0.0, metavar="S", help="Time after the last pulse [none].")
@outside_option("Also beyond the profile's validity.")
@click.option("--sweep", metavar="uS,uS", help="Spread and cost at these tolerances.")
@click.option("-o", "--output", metavar="FILE", **FILE, help="The written cells as a profile.")
@click.option("--plot", metavar="FILE", **FILE, help="Levels before and after, the sweep.")
@console.common_options
def command(profile: str, algorithm: Any, model: Any, levels: str | None, tolerance_uS: float | None, early_uS: float,
            start_V: float, step_mV: float, max_pulses: int, reads: int, passes: int, wait_s: float, pulse_ns: float,
            read_ns: float, cells: int, relax_s: float, outside: bool, sweep: str | None, output: Path | None,
            plot: Path | None, seed: int, json_file: str | None) -> None:  # fmt: skip
    """Write cells level by level with an algorithm, and say what spread it leaves and what it costs.

    Model statistical: gate cells for igvva and ispva; else the profile's pulse response, or one draw of its spread an
    attempt. A ramp (igvva, ispva) ends above its target: without --tolerance-uS a whole level distance is allowed, for
    the others half.

    \b
    Example: rram program --profile milo-hfo2 --algorithm igvva -o written.json
             rram program --profile milo-hfo2 --algorithm rvw --tolerance-uS 2 --sweep 1,2,4,8 --plot trade.png
    """
    from device_models.profile import DeviceProfile
    from device_models.write.algorithm import Timing
    from device_models.write.outcome import written_profile
    from device_models.write.report import write_levels
    from device_models.write.setup import Setup

    document = DeviceProfile.load(profile)
    setup = Setup(document, algorithm, tolerance_uS, model, levels=_levels(levels, document), max_pulses=max_pulses,
                  reads=reads, passes=passes, wait_s=wait_s, step_V=step_mV / 1000, start_V=start_V, early_uS=early_uS,
                  timing=Timing(pulse_ns * 1e-9, read_ns * 1e-9), seed=seed, outside=outside)  # fmt: skip
    tolerances = [] if sweep is None else _numbers("--sweep", sweep)
    _check_time(document, setup.kind, relax_s, outside)
    report = write_levels(setup.cells, setup.build(), setup.levels_uS, cells, relax_s)
    trade = [_trade(replace(setup, tolerance_uS=tolerance), cells, relax_s) for tolerance in tolerances]
    _show(setup, report, trade)
    written = written_profile(setup, report)
    if output is not None:
        output.write_text(written.to_json(), encoding="utf-8")
        console.say(f"{output}: profile {written.name}")
    if plot is not None:
        _draw(setup, report, trade, cells, plot)
    console.emit_json({"profile": document.name, "algorithm": algorithm, "model": setup.kind, "seed": seed,
                       "tolerance_uS": setup.allowed_uS, "cells": cells, "relax_s": relax_s,
                       "levels": [asdict(row) for row in report.levels], "sd_uS": report.sd_uS,
                       "relaxed_sd_uS": report.relaxed_sd_uS, "pulses": report.pulses,
                       "energy_pJ": report.energy_pJ, "failed_percent": report.failed_percent,
                       "sweep": trade}, json_file)  # fmt: skip


def _levels(text: str | None, document: DeviceProfile) -> tuple[float, ...]:
    if text is None:
        return ()
    if "," in text or not text.strip().isdigit():
        return tuple(_numbers("--levels", text))
    count = int(text)
    if not 2 <= count <= 256:
        raise HostError(f"--levels: {count} is not 2 to 256 levels")
    distance = (document.g_max_uS - document.g_min_uS) / (count - 1)
    return tuple(document.g_min_uS + i * distance for i in range(count - 1)) + (document.g_max_uS,)


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError as error:
        raise HostError(f"{option}: {text!r}: {error}; expected numbers with commas between") from None


def _check_time(document: DeviceProfile, kind: str, relax_s: float, outside: bool) -> None:
    from device_models.validity import refuse_outside

    if not 0 <= relax_s < float("inf"):
        raise HostError(f"--relax-s: {relax_s:g} s is not >= 0")
    if relax_s > 0 and kind == "filament":
        raise HostError("--relax-s: filament cells have no relaxation: they would stay as they are")
    if relax_s > 0 and document.relaxation is None:
        raise HostError(f"--relax-s: profile {document.name} has no relaxation: its cells would stay as they are")
    if relax_s > 0:
        refuse_outside(document, time_s=relax_s, outside=outside)


def _trade(setup: Setup, cells: int, relax_s: float) -> dict[str, Any]:
    from device_models.write.report import write_levels

    report = write_levels(setup.cells, setup.build(), setup.levels_uS, cells, relax_s)
    return {"tolerance_uS": setup.allowed_uS, "sd_uS": report.sd_uS, "relaxed_sd_uS": report.relaxed_sd_uS,
            "pulses": report.pulses, "time_us": sum(row.time_us for row in report.levels) / len(report.levels),
            "energy_pJ": report.energy_pJ, "failed_percent": report.failed_percent}  # fmt: skip


def _show(setup: Setup, report: WriteReport, trade: list[dict[str, Any]]) -> None:
    own = _own_deviation(setup)
    head = ["target uS", "mean uS", "sd uS", "profile sd", "pulses", "most", "time us", "energy pJ", "failed %"]
    relaxed = ["mean then", "sd then"] if report.relaxed_uS is not None else []
    beside = {g: f"{sd:.3g}" for g, sd in own.items()}
    rows = [[f"{r.target_uS:.4g}", f"{r.mean_uS:.4g}", f"{r.sd_uS:.3g}", beside.get(r.target_uS, "-"),
             f"{r.pulses_mean:.3g}", str(r.pulses_max), f"{r.time_us:.3g}",
             "-" if r.energy_pJ is None else f"{r.energy_pJ:.3g}", f"{r.failed_percent:.3g}",
             *([f"{r.relaxed_mean_uS:.4g}", f"{r.relaxed_sd_uS:.3g}"] if relaxed else [])] for r in report.levels]
    title = (f"{setup.algorithm} on {setup.kind} cells of {setup.profile.name}, tolerance {setup.allowed_uS:.3g} uS, "
             f"{report.written_uS.shape[1]} cells a level" + (f"; then: after {report.relax_s:g} s" if relaxed else ""))
    console.table(title, head + relaxed, rows)
    later = "" if report.relaxed_sd_uS is None else f"; after {report.relax_s:g} s: sd {report.relaxed_sd_uS:.3g} uS"
    console.say(f"all levels: sd {report.sd_uS:.3g} uS (rms), {report.pulses:.3g} pulses, "
                f"{report.failed_percent:.2g} % failed{later}")
    apart = [row.sd_uS - own[row.target_uS] for row in report.levels if row.target_uS in own]
    if len(apart) == len(report.levels):
        rms = (sum(value**2 for value in apart) / len(apart)) ** 0.5
        worst = max(map(abs, apart))
        console.say(f"sd against the profile's own: {rms:.2g} uS (rms), at most {worst:.2g} uS on a level")
    if setup.kind == "gate":
        console.say("The gate cells' parameters are ours, four of them fitted to milo-hfo2 (docs/programming.md).")
    if trade:
        console.table("Spread against cost", ["tolerance uS", "sd uS", "pulses", "time us", "failed %", *relaxed[1:]],
                      [[f"{row['tolerance_uS']:g}", f"{row['sd_uS']:.3g}", f"{row['pulses']:.3g}",
                        f"{row['time_us']:.3g}", f"{row['failed_percent']:.3g}",
                        *([f"{row['relaxed_sd_uS']:.3g}"] if relaxed else [])] for row in trade])


def _own_deviation(setup: Setup) -> dict[float, float]:
    from device_models.compile import programming_distribution

    levels = enumerate(setup.profile.levels.conductance_uS)
    return {g: programming_distribution(setup.profile, i).var ** 0.5 for i, g in levels}


def _draw(setup: Setup, report: WriteReport, trade: list[dict[str, Any]], cells: int, path: Path) -> None:
    from device_models.write.report import write_levels
    from host_tools.plots.program import program_figure

    simple = setup.before()
    before = None if simple is None else write_levels(setup.cells, simple, setup.levels_uS, cells)
    figure = program_figure(setup.algorithm, setup.levels_uS, None if before is None else before.written_uS,
                            report.written_uS, report.relaxed_uS, report.relax_s, trade)
    figure.savefig(path)
    console.say(f"{path}: figure")
