"""`rram cost`: area, energy and time of a network on RRAM macros, and what its SRAM correction adds."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.cost import Components, MacroCost, Reading
    from host_tools.costs import Mapped

SHARES = (2.34, 5.0, 7.86)  # per cent of the weights in SRAM: this project's and DoRA-RIMC's, JxCDC 2020's
AREA = 7.86  # per cent area, Charan et al., DAC 2020


@click.command(context_settings={"max_content_width": 110})
@click.argument("bundle", metavar="[BUNDLE]", required=False, type=click.Path(path_type=Path))
@click.option("--network", metavar="SIZES", help="Instead of a bundle: layers as 25x6@576,150x16@64,400x120.")
@click.option("--corrected", default=5.0, show_default=True, help="With --network: per cent of weights in SRAM.")
@click.option("--macro", metavar="NAME|FILE", help="The macro [default: the bundle's; 128 x 128 pairs, 8 bits].")
@click.option("--profile", default="charan-65nm", show_default=True, metavar="NAME|FILE",
              help="With --network: whose levels.")
@click.option("--components", default="65nm", show_default=True, metavar="NAME|FILE", help="Table of components.")
@click.option("--value-bits", default=8, show_default=True, help="Bits of a value in SRAM, for the readings.")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
              help="Shares of the area, and the readings.")
@console.common_options
def command(bundle: Path | None, network: str | None, corrected: float, macro: str | None, profile: str,
            components: str, value_bits: int, plot: Path | None, seed: int, json_file: str | None) -> None:  # fmt: skip
    """Add up area, energy and latency of a network on RRAM macros, and of the SRAM that corrects it.

    Every component number is printed with its source or as an assumption. The readings say what "7.86 % area" may
    mean: how many weights that much SRAM corrects.

    \b
    Example: rram cost lenet5.rram.safetensors
    Example: rram cost --network 784x300,300x10 --corrected 5 --plot cost.png
    """
    from device_models.cost import Components, macro_cost, overhead_readings
    from device_models.macro import MacroConfig
    from device_models.profile import DeviceProfile
    from host_tools import costs

    if (bundle is None) == (network is None):
        given = "neither BUNDLE nor --network" if bundle is None else "both BUNDLE and --network"
        raise HostError(f"cost: {given} given, expected one of them")
    parts = Components.load(components)
    chosen = None if macro is None else MacroConfig.load(macro)
    if bundle is not None:
        mapped = costs.from_bundle(bundle, chosen)
    else:
        levels = DeviceProfile.load(profile).levels.conductance_uS
        mapped = costs.from_sizes(network or "", corrected, chosen, levels)
    cost = macro_cost(parts, mapped.macro, mapped.layers, mapped.sram, mean_uS=mapped.mean_uS,
                      arithmetic=mapped.arithmetic)
    readings = overhead_readings(parts, mapped.macro, mapped.layers, value_bits=value_bits)
    result = summary(mapped, parts, cost, readings, value_bits)
    result["room_at_7.86_area"] = costs.room(mapped, parts, AREA)
    _show_cost(result)
    _show_readings(result)
    _show_room(result)
    _show_evidence(parts)
    if plot is not None:
        from host_tools.plots.cost import cost_figure

        title = f"{mapped.name}: the SRAM correction adds {cost.overhead_percent:.3g} % to the area of the RRAM macros"
        cost_figure(cost.area_um2, readings, title, f"values of {value_bits} bits").savefig(plot)
        console.say(f"figure: {plot}")
    console.emit_json(result, json_file)


def summary(mapped: Mapped, parts: Components, cost: MacroCost, readings: list[Reading],
            value_bits: int) -> dict[str, Any]:
    """Everything that is shown, as JSON types."""
    return {
        "network": mapped.name, "components": parts.name, "node_nm": parts.node_nm, "tiles": cost.tiles,
        "macro": mapped.macro.model_dump(mode="json", exclude_none=True), "weights": mapped.weights,
        "corrected_weights": mapped.corrected, "mean_conductance_uS": mapped.mean_uS,
        "sram_bits": {**vars(mapped.sram), "total": mapped.sram.total},
        "area_um2": cost.area_um2, "macro_um2": cost.macro_um2, "correction_um2": cost.correction_um2,
        "correction_percent_of_macro": cost.overhead_percent,
        "correction_percent_of_cells": 100 * cost.correction_um2 / cost.area_um2["RRAM cells"],
        "energy_pJ": cost.energy_pJ, "latency_ns": cost.latency_ns, "array_ns": cost.array_ns,
        "correction_ns": cost.correction_ns, "value_bits": value_bits,
        "readings": [{"key": r.key, "text": r.text,
                      "area_percent": {f"{share:g}": r.overhead_percent(share) for share in SHARES},
                      "weights_percent_at_7.86_area": r.weights_percent(AREA)} for r in readings],
        "numbers": {key: {"value": n.value, **n.evidence.model_dump()} for key, n in parts.numbers()},
    }  # fmt: skip


def _show_cost(result: dict[str, Any]) -> None:
    area, energy = result["area_um2"], result["energy_pJ"]
    all_um2, all_pJ = sum(area.values()), sum(energy.values())
    rows = [[key, f"{value:,.0f}", f"{100 * value / all_um2:.2f}", f"{energy.get(key, 0) * 1e-3:,.3f}",
             f"{100 * energy.get(key, 0) / all_pJ:.2f}"] for key, value in area.items()]
    rows.append(["all", f"{all_um2:,.0f}", "100", f"{all_pJ * 1e-3:,.3f}", "100"])
    macro = result["macro"]
    console.table(f"{result['network']}: {result['weights']:,} weights on {result['tiles']} tiles of {macro['rows']} x "
                  f"{macro['cols']}, {result['node_nm']:g} nm",
                  ["component", "area um2", "%", "energy nJ an inference", "%"], rows)
    counted = ", ".join(f"{key} {bits / 8:,.0f}" for key, bits in result["sram_bits"].items() if key != "total")
    console.say(f"SRAM: {result['sram_bits']['total'] / 8:,.0f} bytes ({counted}), "
                f"{result['corrected_weights']:,} weights corrected "
                f"({100 * result['corrected_weights'] / result['weights']:.2f} %).")
    console.say(f"The correction's area is {result['correction_percent_of_macro']:.2f} % of the RRAM macros with their "
                f"periphery, {result['correction_percent_of_cells']:.0f} % of the RRAM cells alone.")
    console.say(f"Latency: {result['latency_ns'] * 1e-3:,.2f} us an inference, layer after layer (arrays alone "
                f"{sum(result['array_ns'].values()) * 1e-3:,.2f} us).")


def _show_readings(result: dict[str, Any]) -> None:
    rows = []
    for reading in result["readings"]:
        held = reading["weights_percent_at_7.86_area"]
        rows.append([f"{reading['key']}: {reading['text']}",
                     *(f"{value:.2f}" for value in reading["area_percent"].values()),
                     "none" if held is None else f"{held:.3f}"])
    console.table(f"Area of the SRAM in % for so many % of the weights, values of {result['value_bits']} bits; "
                  f"last: the % of weights that {AREA} % area corrects",
                  ["reading", *(f"{share:g} %" for share in SHARES), f"at {AREA} %"], rows)


def _show_room(result: dict[str, Any]) -> None:
    rows = [[str(row["value_bits"]), f"{row['fixed_percent']:.2f}",
             *(["none", ""] if row["entries"] is None else [f"{row['entries']:,}", f"{row['weights_percent']:.2f}"])]
            for row in result["room_at_7.86_area"]]
    console.table(f"Mask entries that {AREA} % of the macros' area holds: values, packed addresses, gains and offsets "
                  "(16 bits beside codes), multiply-adds that keep up; entries at random (RSA)",
                  ["bits", "gains, offsets %", "entries", "% of weights"], rows)


def _show_evidence(parts: Components) -> None:
    console.say(f"Components ({parts.name}): {parts.description}")
    width = shutil.get_terminal_size((100, 24)).columns
    for key, number in parts.numbers():
        kind = "ASSUMPTION" if number.evidence.assumption else "from the source"
        text = f"{key} = {number.value:g} [{kind}] {number.evidence.source}. {number.evidence.note}"
        console.say(textwrap.fill(text, width, initial_indent="  ", subsequent_indent="    "))
    for text in ("All tiles exist at once; a tile holds one layer. Layers follow one another; a layer's correction is "
                 "computed while its array is read. Values are read from SRAM anew at every position.",
                 "Not counted: pooling and activation buffers, charge pumps for programming, leakage, learning."):
        console.say(textwrap.fill(f"[ASSUMPTION] {text}", width, initial_indent="  ", subsequent_indent="    "))
