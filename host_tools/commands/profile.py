"""`rram profile`: list the noise profiles, show one with its numbers and their sources, print the JSON Schemas."""

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


@click.group()
def command() -> None:
    """List and show noise profiles, and print the JSON Schemas of profile and macro.

    \b
    Example: rram profile list
             rram profile show charan-65nm
             rram profile schema device-profile > device-profile.schema.json
    """


@command.command("list")
@console.common_options
def list_profiles(seed: int, json_file: str | None) -> None:
    """List the profiles that travel with the package.

    Example: rram profile list
    """
    from device_models import presets

    profiles = [presets.load(name) for name in presets.names()]
    rows = [[p.name, str(p.n_levels), f"{p.g_min_uS:g} to {p.g_max_uS:g}", p.programming.distribution]
            for p in profiles]
    console.table("Profiles", ["name", "levels", "uS", "spread"], rows)
    for p in profiles:
        _say(f"{p.name}: {p.description}", indent=0)
    keys = ("name", "description", "source", "licence")
    console.emit_json({"profiles": [{key: getattr(p, key) for key in keys} for p in profiles]}, json_file)


@command.command()
@click.argument("profile", metavar="NAME|FILE")
@console.common_options
def show(profile: str, seed: int, json_file: str | None) -> None:
    """Show a profile: its levels after programming, read noise, and evidence.

    NAME is a preset (see `rram profile list`), FILE a JSON document. The last two columns of the table are 10,000 cells
    of each level, drawn as a board with the chip seed --seed draws them.

    Example: rram profile show charan-65nm
    """
    from device_models.compile import compile_profile
    from device_models.profile import DeviceProfile

    document = DeviceProfile.load(profile)
    rows = level_rows(document, compile_profile(document), seed)
    _say(f"{document.name}: {document.description}", indent=0)
    for key in ("source", "licence", "conditions"):
        _say(f"{key}: {getattr(document, key)}", indent=2)
    names = list(rows[0])
    console.table("Cells after programming, and one read of them, in uS", names,
                  [[f"{row[name]:.4g}" for name in names] for row in rows])
    console.say("Evidence (an assumption is ours, not the source's):")
    for path, evidence in evidences(document.model_dump(exclude_none=True)):
        _say(f"{path} [{'ASSUMPTION' if evidence['assumption'] else 'from the source'}]", indent=2)
        _say(evidence["source"], indent=4)
        _say(evidence["note"], indent=4)
    console.emit_json({"profile": json.loads(document.to_json()), "levels": rows}, json_file)


@command.command()
@click.argument("document", type=click.Choice(["device-profile", "macro-config"]), default="device-profile")
@console.common_options
def schema(document: str, seed: int, json_file: str | None) -> None:
    """Print the JSON Schema of a profile or a macro document.

    Example: rram profile schema macro-config
    """
    from device_models.schema import published

    console.emit_json(json.loads(published(document)), json_file or "-")


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


def _say(text: str, indent: int) -> None:
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
