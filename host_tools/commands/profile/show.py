"""`rram profile show`: one profile with its numbers, units and sources."""

from __future__ import annotations

import json
import shutil
import textwrap
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.commands.profile.numbers import DOCUMENTATION, numbers

if TYPE_CHECKING:
    from device_models.compile import CompiledProfile
    from device_models.profile import DeviceProfile

DRAWN = 10_000  # cells of each level that `show` draws


@click.command("show")
@click.argument("profile", metavar="NAME|FILE")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), callback=console.writable,
              help="Draw the distributions of the levels, and spread against conductance.")
@console.common_options
def command(profile: str, plot: Path | None, seed: int, json_file: str | None) -> None:
    """Show a profile: levels after programming; every number with its unit, what uses it, and its source.

    NAME is a preset (see `rram profile list`), FILE a JSON document. The last two columns of the first table are 10,000
    cells of each level, drawn as a board with the chip seed --seed draws them.

    Example: rram profile show charan-65nm
    """
    from device_models.compile import compile_profile
    from device_models.profile import DeviceProfile

    document = DeviceProfile.load(profile)
    rows = level_rows(document, compile_profile(document), seed)
    say_wrapped(f"{document.name}: {document.description}", indent=0)
    for key in ("source", "licence", "conditions"):
        say_wrapped(f"{key}: {getattr(document, key)}", indent=2)
    names = list(rows[0])
    console.table("Cells after programming, and one read of them, in uS", names,
                  [[f"{row[name]:.4g}" for name in names] for row in rows])
    _print_numbers(document)
    macro = macro_of(profile)
    if plot:
        from host_tools.plots.profile import figure

        figure(document).savefig(plot, dpi=110)
        console.say(f"picture: {plot}")
    console.emit_json({"profile": json.loads(document.to_json()), "levels": rows,
                       "numbers": [asdict(one) for one in numbers(document.model_dump(exclude_none=True))],
                       **({"macro": macro} if macro else {})}, json_file)


def macro_of(name: str) -> dict[str, Any] | None:
    """The macro preset of the same name, printed with its evidence; None where there is none."""
    from device_models import presets

    if name not in presets.macro_names():
        return None
    preset = presets.load_macro(name)
    say_wrapped(f"Macro {preset.name}: {preset.description} (--macro {preset.name})", indent=0)
    values = preset.macro.model_dump(exclude={"schema_version"})
    rows = []
    for keys, evidence in preset.evidence.items():
        value = ", ".join(str(values[key]) for key in keys.split(", "))
        rows.append([keys, value, "ASSUMPTION" if evidence.assumption else "from the source",
                     f"{evidence.note} [{evidence.source}]"])
    console.table("Macro", ["key", "value", "", "evidence"], rows)
    document: dict[str, Any] = json.loads(preset.model_dump_json())
    return document


def _print_numbers(document: DeviceProfile) -> None:
    """The table of numbers, and the evidence that it refers to, each text once."""
    found = numbers(document.model_dump(exclude_none=True))
    order: list[dict[str, Any]] = []
    for one in found:
        if one.evidence not in order:
            order.append(one.evidence)
    rows = [[one.path, one.value, one.unit, one.used,
             f"[{order.index(one.evidence) + 1}]" + (" ours" if one.evidence["assumption"] else "")] for one in found]
    console.table(f"Numbers, and what uses them ({DOCUMENTATION}: nothing does)",
                  ["number", "value", "unit", "used", "evidence"], rows)
    console.say("Evidence (an assumption is ours, not the source's):")
    for number, evidence in enumerate(order, start=1):
        paths = list(dict.fromkeys(one.path.rpartition(".")[0] for one in found if one.evidence == evidence))
        more = f" and {len(paths) - 4} more" if len(paths) > 4 else ""
        origin = "ASSUMPTION" if evidence["assumption"] else "from the source"
        say_wrapped(f"[{number}] {', '.join(paths[:4])}{more} [{origin}]", indent=2)
        say_wrapped(evidence["source"], indent=4)
        say_wrapped(evidence["note"], indent=4)


def level_rows(document: DeviceProfile, compiled: CompiledProfile, seed: int) -> list[dict[str, float]]:
    """One row a level, in uS: target, mean, deviation, quantiles, deviation of a read, what chip `seed` draws."""
    import numpy as np

    from device_models.compile import programming_distribution
    from device_models.draws import draw_cells

    levels = np.repeat(np.arange(document.n_levels, dtype=np.uint8), DRAWN).reshape(-1, DRAWN)
    drawn = draw_cells(compiled, levels, seed, layer=0).uS
    rows = []
    for level, target in enumerate(document.levels.conductance_uS):
        spread = programming_distribution(document, level)
        low, high = spread.ppf([0.05, 0.95])
        noise = compiled.read_a[level] * compiled.g_step_us + compiled.read_b[level] * spread.mean
        rows.append({"level": level, "target": target, "mean": spread.mean, "sd": spread.var**0.5,
                     "5 %": float(low), "95 %": float(high), "read noise": float(noise),
                     "drawn mean": float(drawn[level].mean()), "drawn sd": float(drawn[level].std())})
    return rows


def say_wrapped(text: str, indent: int) -> None:
    """Say `text` in lines of the terminal's width."""
    width = shutil.get_terminal_size((100, 24)).columns
    console.say(textwrap.fill(text, width, initial_indent=" " * indent, subsequent_indent=" " * max(indent, 2)))
