"""`rram profile show`: one profile with its numbers, units and sources."""

from __future__ import annotations

import json
import shutil
import textwrap
from typing import TYPE_CHECKING, Any

import click

from host_tools import console

if TYPE_CHECKING:
    from device_models.compile import CompiledProfile
    from device_models.profile import DeviceProfile

DRAWN = 10_000  # cells of each level that `show` draws


@click.command("show")
@click.argument("profile", metavar="NAME|FILE")
@console.common_options
def command(profile: str, seed: int, json_file: str | None) -> None:
    """Show a profile: its levels after programming, read noise, and evidence.

    NAME is a preset (see `rram profile list`), FILE a JSON document. The last two columns of the table are 10,000 cells
    of each level, drawn as a board with the chip seed --seed draws them.

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
    console.say("Evidence (an assumption is ours, not the source's):")
    for path, evidence in evidences(document.model_dump(exclude_none=True)):
        say_wrapped(f"{path} [{'ASSUMPTION' if evidence['assumption'] else 'from the source'}]", indent=2)
        say_wrapped(evidence["source"], indent=4)
        say_wrapped(evidence["note"], indent=4)
    console.emit_json({"profile": json.loads(document.to_json()), "levels": rows}, json_file)


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


def evidences(data: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """(path of the key, evidence) of every evidence in a parsed profile, in the document's order."""
    found: list[tuple[str, dict[str, Any]]] = []
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, (list, tuple)) else ()
    for key, value in items:
        if key == "evidence":
            found.append((path, value))
        else:
            found += evidences(value, f"{path}.{key}" if path else str(key))
    return found
