"""`rram filament`: the physics of a cell: I-V loops, spread, growth against an ODE solver, measured pulse responses."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure

    from device_models.filament import FilamentParameters
    from device_models.filament.response import Fitted

_SETTINGS = {"max_content_width": 110}


def _numbers(_: click.Context, option: click.Parameter, value: str | None) -> tuple[float, ...] | None:
    """A list such as 10,50,100."""
    if value is None:
        return None
    try:
        numbers = tuple(float(part) for part in value.split(","))
    except ValueError:
        raise HostError(f"{option.opts[0]}: {value!r} is not a list of numbers such as 0.6,0.8,1") from None
    for number in numbers:
        if not 0 < number < float("inf"):
            raise HostError(f"{option.opts[0]}: {number:g} is not a number > 0 (polarity is said by the command)")
    return numbers


def _cell(context: click.Context, option: click.Parameter, value: tuple[str, ...]) -> FilamentParameters:
    """Parameters with some replaced."""
    from dataclasses import replace

    from device_models.filament import FilamentParameters
    from device_models.filament.parameters import evidence

    changes: dict[str, float] = {}
    for item in value:
        name, _, number = item.partition("=")
        if name not in evidence():
            raise HostError(f"--param: {name!r} is not a parameter ({', '.join(evidence())})")
        try:
            changes[name] = float(number)
        except ValueError:
            raise HostError(f"--param: {item!r} is not NAME=NUMBER") from None
    return replace(FilamentParameters(), **changes)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What the studies share."""
    function = click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), callback=console.writable,
                            help="Draw it.")(function)
    function = click.option("--param", "cell", metavar="NAME=VALUE", multiple=True, callback=_cell,
                            help="Another value of a parameter; again for more.")(function)
    return console.common_options(function)


_cells = click.option("--cells", type=int, default=128, show_default=True, help="Cells of the population.")


def _save(fig: Figure, plot: Path, dpi: int = 110) -> None:
    fig.savefig(plot, dpi=dpi)
    console.say(f"picture: {plot}")


@click.group(context_settings=_SETTINGS)
def command() -> None:
    """Ask the physical model of a cell: a filament that grows and shrinks by field and Joule heat.

    \b
    Example: rram filament loop --compliance-uA 10,50,100 --plot loop.png
             rram filament pulses --data set.csv --data reset.csv --together
    """


@command.command(context_settings=_SETTINGS)
@console.common_options
def parameters(seed: int, json_file: str | None) -> None:
    """List the model's parameters with unit, source, and what is an assumption.

    Example: rram filament parameters
    """
    from device_models.filament import FilamentParameters
    from device_models.filament.parameters import evidence

    values, known = asdict(FilamentParameters()), evidence()
    console.table("Filament parameters (an assumption is ours, not a source's)",
                  ["name", "value", "unit", "assumption"],
                  [[name, f"{values[name]:g}", e["unit"], "yes" if e["assumption"] else "no"]
                   for name, e in known.items()])
    for name, e in known.items():
        console.say(f"{name}: {e['what']} [{e['source']}]")
    console.emit_json({name: {"value": values[name], **e} for name, e in known.items()}, json_file)


@command.command(context_settings=_SETTINGS)
@click.option("--compliance-uA", "compliances", callback=_numbers, default="5,10,25,50,100,250,500", show_default=True,
              help="Current limits during SET.")
@click.option("--stop-V", "stops", callback=_numbers, default="0.55,0.6,0.7,0.8,0.9,1", show_default=True,
              help="Where RESET stops; the loops use the last.")
@_cells
@_options
def loop(compliances: tuple[float, ...], stops: tuple[float, ...], cells: int, cell: FilamentParameters,
         plot: Path | None, seed: int, json_file: str | None) -> None:
    """Run quasi-static I-V loops: R_LRS against compliance, HRS against the RESET stop voltage.

    With --plot FILE.png the second figure is FILE-stop.png.

    Example: rram filament loop --compliance-uA 10,50,100 --stop-V 0.6,0.8,1 --plot loop.png
    """
    import numpy as np

    from device_models.filament import studies

    measured = studies.loops(cell, [value * 1e-6 for value in compliances], cells, seed, reset_V=stops[-1])
    law = studies.universal(measured)
    rows = studies.stop_voltages(cell, stops, cells, seed)
    console.table("Low-resistance state against compliance (median cell)", ["I_C uA", "R_LRS kohm", "R I_C in V"],
                  [[f"{r['compliance_uA']:g}", f"{r['lrs_ohm'] / 1e3:.2f}", f"{r['critical_V']:.3f}"]
                   for r in law.rows])
    console.say(f"R_LRS = V_c / I_C: V_c = {law.critical_V:.3f} V, largest deviation {law.worst_percent:.1f} %, "
                f"slope {law.slope:.3f} (the law: -1)")
    console.table("High-resistance state against RESET stop voltage", ["V_stop", "R_HRS kohm", "10 %", "90 %"],
                  [[f"{r['stop_V']:g}", *(f"{r[key] / 1e3:.1f}" for key in
                                          ("hrs_ohm", "hrs_10_percent_ohm", "hrs_90_percent_ohm"))] for r in rows])
    logs = np.log10([r["hrs_ohm"] for r in rows])
    steep = float(np.polyfit(stops, logs, 1)[0]) if len(set(stops)) > 1 else float("nan")
    console.say(f"HRS rises {steep:.2f} decades per V")
    if plot:
        from host_tools.plots import filament_loop, filament_stop

        _save(filament_loop.figure(measured, law), plot)
        _save(filament_stop.figure(rows, steep), plot.with_name(f"{plot.stem}-stop{plot.suffix}"))
    console.emit_json({"universal": asdict(law), "stop": rows, "stop_decades_per_V": _json(steep), "cells": cells},
                      json_file)


@command.command(context_settings=_SETTINGS)
@click.option("--gate-V", "gates", callback=_numbers, default="0.75,0.85,1,1.2,1.4,1.7", show_default=True,
              help="Gate voltages of SET.")
@click.option("--reset-V", "resets", callback=_numbers, default="1,1.1,1.2,1.3,1.4", show_default=True,
              help="Amplitudes of RESET.")
@click.option("--cycles", type=click.IntRange(2, 10_000), default=20, show_default=True, help="RESET-SET cycles.")
@_cells
@_options
def spread(gates: tuple[float, ...], resets: tuple[float, ...], cycles: int, cells: int, cell: FilamentParameters,
           plot: Path | None, seed: int, json_file: str | None) -> None:
    """Cycle a population with pulses: its spread from cycle to cycle and from cell to cell, against conductance.

    Example: rram filament spread --cells 256 --cycles 50 --plot spread.png
    """
    import numpy as np

    from device_models.filament import studies

    rows = studies.spread(cell, gates, resets, cells, cycles, seed)
    console.table(f"Spread of {cells} cells over {cycles} cycles",
                  ["after", "V", "median uS", "cycle %", "device %", "sigma log10 R", "failed %"],
                  [["SET, gate" if r["after_set"] else "RESET", f"{r['volts']:g}", f"{r['median_uS']:.3g}",
                    f"{r['cycle_percent']:.2f}", f"{r['device_percent']:.2f}", f"{r['sigma_log10_r']:.3f}",
                    f"{r['failed_percent']:.2f}"]
                   for r in rows])
    sets = [r for r in rows if r["after_set"]]
    slope = float(np.polyfit(np.log([r["median_uS"] for r in sets]), np.log([r["cycle_percent"] for r in sets]), 1)[0]
                  ) if len(sets) > 1 else float("nan")
    console.say(f"after SET sigma(G) / G from cycle to cycle goes as G^{slope:.2f}")
    if plot:
        from host_tools.plots import filament_spread

        _save(filament_spread.figure(rows, slope), plot)
    console.emit_json({"rows": [{k: _json(v) for k, v in r.items()} for r in rows], "slope": _json(slope),
                       "cells": cells, "cycles": cycles}, json_file)


@command.command(context_settings=_SETTINGS)
@_options
def growth(cell: FilamentParameters, plot: Path | None, seed: int, json_file: str | None) -> None:
    """Hold a pulse against SciPy's ODE solver and, where there is one, the closed form.

    Example: rram filament growth --plot growth.png
    """
    from device_models.filament.growth import comparisons

    compared = comparisons(cell)
    rows = [{"name": one.name, "worst_percent": one.worst_percent, "closed_form_percent": one.closed_percent}
            for one in compared]
    console.table("Largest deviation from scipy.integrate.solve_ivp, in % of the conductance",
                  ["pulse", "model", "closed form"],
                  [[one.name, f"{one.worst_percent:.2g}", "-" if one.closed_percent is None else
                    f"{one.closed_percent:.2g}"] for one in compared])
    if plot:
        from host_tools.plots import filament_growth

        _save(filament_growth.figure(compared), plot)
    console.emit_json({"pulses": rows}, json_file)


@command.command(context_settings=_SETTINGS)
@click.option("--data", "files", metavar="FILE", type=click.Path(path_type=Path), multiple=True, required=True,
              help="CSV of runs of equal pulses; again for more.")
@click.option("--read-V", "read_V", type=click.FloatRange(0, min_open=True), default=0.1, show_default=True,
              help="Read voltage of files that hold currents (header line).")
@click.option("--together", is_flag=True, help="One device for all: only the amplitudes differ.")
@_options
def pulses(files: tuple[Path, ...], read_V: float, together: bool, cell: FilamentParameters, plot: Path | None,
           seed: int, json_file: str | None) -> None:
    """Fit the model to measured pulse responses and state what is left.

    A file with a header line holds currents in A of runs (columns); one without holds scaled values, which are taken as
    75 + 25 x uS (an assumption).

    Example: rram filament pulses --data crosssim_set.csv --data crosssim_reset.csv --together --plot p.png
    """
    from device_models.filament import response

    measured = [one for file in files for one in response.read_responses(file, read_V)]
    fits = response.fit_responses(measured, cell, together)
    spreads = [response.run_to_run(fit, seed) if fit.response.g_uS.shape[1] > 1 else None for fit in fits]
    rows = [_fit_row(fit, spread) for fit, spread in zip(fits, spreads, strict=True)]
    header = ["response", "amplitude V", "sideways nW/K", "series ohm", "rms %", "worst %", "noise %", "runs sd uS",
              "modelled"]
    console.table("Filament model fitted to pulse responses (errors in % of the measured range)", header,
                  [[r["name"], f"{r['amplitude_V']:.3f}", f"{r['lateral_W_per_K'] * 1e9:.4g}", f"{r['series_ohm']:.4g}",
                    f"{r['rms_percent']:.2f}", f"{r['worst_percent']:.2f}", f"{r['noise_percent']:.2f}",
                    *(f"{r[key]:.2f}" if r[key] is not None else "-" for key in ("runs_sd_uS", "model_runs_sd_uS"))]
                   for r in rows])
    console.say("amplitudes hold for a width of 1 us, which the files do not say; runs sd: of the change after half the"
                " pulses; noise: of one reading, from neighbours")
    if plot:
        from host_tools.plots import filament_response

        _save(filament_response.figure(fits, spreads), plot, dpi=80)  # hundreds of lines: the file stays small
    console.emit_json({"together": together, "fits": rows}, json_file)


def _fit_row(fit: Fitted, spread: tuple[Any, Any] | None) -> dict[str, Any]:
    half = len(fit.model_uS) // 2
    return {"name": fit.response.name, "up": fit.response.up, "amplitude_V": fit.volts,
            "lateral_W_per_K": fit.cell.lateral_W_per_K, "series_ohm": fit.cell.series_ohm,
            "rms_percent": fit.rms_percent, "worst_percent": fit.worst_percent, "noise_percent": fit.noise_percent,
            "assumed_scale": fit.response.assumed_scale,
            "runs_sd_uS": None if spread is None else float(spread[0][half]),
            "model_runs_sd_uS": None if spread is None else float(spread[1][half])}


def _json(number: float) -> float | None:
    """JSON has no NaN."""
    return number if number == number else None
