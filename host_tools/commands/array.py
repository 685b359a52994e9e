"""`rram array`: what each inaccuracy of an array costs, and what the pairing has to do with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.commands.outside_option import outside_option
from host_tools.errors import HostError

if TYPE_CHECKING:
    from device_models.array.effect_errors import EffectError, Setting
    from device_models.macro import MacroConfig

BATCH = 256
MOST_ROWS = 2**16  # 256 inputs of them are 128 MB
CLIP_SD = 2.5  # of the random weights, as an export clips a plain network


@click.command(context_settings={"max_content_width": 110})
@click.option("--profile", required=True, metavar="NAME|FILE", help="Noise profile: a preset or a JSON file.")
@click.option("--macro", metavar="NAME|FILE", help="Macro [default: 128 x 128 pairs, 8-bit DAC and ADC].")
@click.option("--rows", default=256, show_default=True, help="Rows of the matrix.")
@click.option("--cols", default=64, show_default=True, help="Columns of the matrix.")
@click.option("--time", "time_s", default=0.0, metavar="SECONDS", help="Age of the cells at use [default: fresh].")
@click.option("--reads", default=0, metavar="N", help="Reads of each row before use (read disturb) [default: none].")
@click.option("--chips", default=3, show_default=True, type=click.IntRange(1, 100), help="Chips to average over.")
@outside_option("Use the profile beyond what its source covers.")
@click.option("--plot", metavar="FILE.png", type=click.Path(path_type=Path), callback=console.writable,
              help="Figure: error of each effect, by pairing.")
@console.common_options
def command(profile: str, macro: str | None, rows: int, cols: int, time_s: float, reads: int, chips: int,
            outside: bool, plot: Path | None, seed: int, json_file: str | None) -> None:  # fmt: skip
    """Multiply random inputs with a random matrix on an emulated array, one effect at a time.

    Weights are Gaussian, clipped at 2.5 standard deviations; inputs are half zero, half Gaussian (as after a ReLU).
    The error of an effect is relative to the exact product, all other effects off; converters take their ranges
    from the inputs unless the macro gives them.

    \b
    Example: rram array --profile charan-65nm --macro weinstock-40nm --plot effects.png
    """
    from device_models.array.bounds import checked_size
    from device_models.array.drift import drifted
    from device_models.array.effect_errors import Setting
    from device_models.profile import DeviceProfile

    device, circuit = DeviceProfile.load(profile), load_macro(macro)
    checked_size(rows, cols, circuit)
    if rows > MOST_ROWS:
        raise HostError(f"--rows: {rows} is not <= {MOST_ROWS}")
    for key, value in (("--reads", reads), ("--time", time_s)):
        if not value >= 0:
            raise HostError(f"{key}: {value:g} is not >= 0")
    if time_s > 0:
        drifted(device, time_s, outside)  # an error of the user's before anything is computed
    weights, inputs = problem(rows, cols, seed)
    setting = Setting(weights, inputs, CLIP_SD, device, circuit, seed, chips, time_s, reads, outside)
    tables = by_pairing(setting)
    _show(setting, tables)
    for line in warnings(circuit, tables):
        console.say(line)
    if plot is not None:
        from host_tools.plots.array_effects import array_effects_figure

        array_effects_figure({name: [vars(row) for row in rows] for name, rows in tables.items()}, device.name,
                             _shape(setting)).savefig(plot)
        console.say(f"figure: {plot}")
    console.emit_json(result(setting, tables), json_file)


def load_macro(name_or_path: str | None) -> MacroConfig:
    """A macro preset by its name, a JSON file by its path, or the default macro."""
    from device_models import presets
    from device_models.macro import MacroConfig

    if name_or_path is None:
        return MacroConfig()
    if name_or_path in presets.macro_names():
        return presets.load_macro(name_or_path).macro
    if not Path(name_or_path).exists():
        raise HostError(f"--macro: {name_or_path}: no such file, and not a preset ({', '.join(presets.macro_names())})")
    return MacroConfig.load(name_or_path)


def problem(rows: int, cols: int, seed: int) -> tuple[Any, Any]:
    """Random weights [rows, cols] within CLIP_SD, and inputs [BATCH, rows]."""
    import numpy as np

    rng = np.random.Generator(np.random.Philox(key=seed))
    weights = np.clip(rng.standard_normal((rows, cols)), -CLIP_SD, CLIP_SD)
    return weights, np.maximum(rng.standard_normal((BATCH, rows)), 0)


def by_pairing(setting: Setting) -> dict[str, list[EffectError]]:
    """Error of each effect for the macro's own pairing first, then the others that the profile's levels allow."""
    from device_models.array.effect_errors import effect_errors, with_pairing
    from device_models.array.pairing import PAIRINGS
    from device_models.errors import ProfileError

    own: str = setting.macro.pairing
    tables = {own: effect_errors(setting)}
    for pairing in PAIRINGS:
        if pairing != own:
            try:
                tables[pairing] = effect_errors(with_pairing(setting, pairing))
            except ProfileError as error:
                console.say(f"note: {pairing}: {error}")
    return tables


def warnings(macro: MacroConfig, tables: dict[str, list[EffectError]]) -> list[str]:
    """What a user who chose offset pairing should know, in numbers."""
    if macro.pairing != "offset" or "differential" not in tables:
        return []
    own, pairs = ({row.effect: row for row in tables[name]} for name in ("offset", "differential"))
    a, b = own["programming"], pairs["programming"]
    if not a.relative_rms or not b.relative_rms or a.relative_rms < 1e-3:
        return []
    return [f"warning: offset pairing: the spread alone makes an error of {100 * a.relative_rms:.3g} % of the output,"
            f" with differential pairs {100 * b.relative_rms:.3g} %: {a.relative_rms / b.relative_rms:.2g} times that"]


def result(setting: Setting, tables: dict[str, list[EffectError]]) -> dict[str, Any]:
    """The same as JSON types."""
    return {
        "profile": setting.profile.name, "macro": json.loads(setting.macro.to_json()), "rows": len(setting.weights),
        "cols": setting.weights.shape[1], "batch": BATCH, "seed": setting.seed, "chips": setting.chips,
        "time_s": setting.time_s, "reads": setting.reads,
        "pairings": {name: [{"effect": row.effect, "relative_rms": row.relative_rms, "snr_dB": row.snr_dB,
                             "why_not": row.why_not or None} for row in rows] for name, rows in tables.items()},
    }  # fmt: skip


def _shape(setting: Setting) -> str:
    macro = setting.macro
    return (f"{setting.weights.shape[0]} x {setting.weights.shape[1]} weights, tiles of {macro.rows} x {macro.cols}, "
            f"{macro.rows_active} rows a conversion, DAC {macro.dac_bits} bits, ADC {macro.adc_bits} bits")


def _show(setting: Setting, tables: dict[str, list[EffectError]]) -> None:
    header, rows, own = ["effect"], [], next(iter(tables.values()))
    for name in tables:
        header += [f"{name}, SNR dB", "error %"]
    for i, row in enumerate(own):
        cells = [row.effect]
        for table in tables.values():
            rms, snr = table[i].relative_rms, table[i].snr_dB
            cells += ["-" if snr is None else f"{snr:.1f}", "-" if rms is None else f"{100 * rms:.3g}"]
        rows.append(cells)
    console.say(f"{setting.profile.name}: {_shape(setting)}")
    console.table("Error of each effect by itself (root mean square, % of the output's)", header, rows)
    gone = [f"{row.effect} ({row.why_not})" for row in own if row.why_not]
    if gone:
        console.say(f"not there: {', '.join(gone)}")
