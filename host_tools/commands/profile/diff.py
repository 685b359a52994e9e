"""`rram profile diff`: what differs between two technologies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.commands.profile.spread_rows import level_spreads, nearer_to_another

if TYPE_CHECKING:
    from device_models.profile import DeviceProfile

POINTS = 9  # conductances at which spreads are compared where levels differ


@click.command("diff")
@click.argument("a", metavar="A")
@click.argument("b", metavar="B")
@console.common_options
def command(a: str, b: str, seed: int, json_file: str | None) -> None:
    """Show what differs between the profiles A and B: presets, or JSON documents.

    Where levels differ, spreads are compared at conductances that both have, and as shares of each one's range, which
    is what a network sees (linear between levels).

    Example: rram profile diff neurram-130nm neurram-130nm-aihwkit
    """
    from device_models.profile import DeviceProfile

    first, second = DeviceProfile.load(a), DeviceProfile.load(b)
    pairs = list(zip(summary(first).items(), summary(second).values(), strict=True))
    fields = [{"field": key, "a": one, "b": two, "same": one == two} for (key, one), two in pairs]
    differing = [[str(f["field"]), str(f["a"]), str(f["b"])] for f in fields if not f["same"]]
    names = [first.name, second.name]
    if differing:
        console.table("What differs", ["", *names], differing)
    rows, shares = spread_rows(first, second), share_rows(first, second)
    same = not differing and all(row["a_sd_uS"] == row["b_sd_uS"] for row in rows)
    if same:
        console.say("nothing differs but names and texts")
    if rows and not same:
        _print_rows("Standard deviation after programming, in uS", ["at uS", *names, "B / A"], rows)
    if first.levels.conductance_uS != second.levels.conductance_uS:
        title = "Standard deviation after programming, in % of G_max - G_min"
        _print_rows(title, ["at % of the range", *names, "B / A"], shares)
    console.emit_json({"a": first.name, "b": second.name, "same": same, "fields": fields, "spread": rows,
                       "spread_of_range": shares}, json_file)


def summary(profile: DeviceProfile) -> dict[str, str]:
    """What a profile says, a line a section; texts, so that they can be compared and printed."""
    noise, faults, relaxation = profile.read_noise, profile.faults, profile.relaxation
    stuck = [f"{100 * one.probability:.3g} % at {one.conductance_uS:g} uS" for one in
             (faults.stuck_low, faults.stuck_high) if one is not None]
    parts = [f"{_amount(noise.relative.value, 100)} % of G" if noise.relative else "",
             f"{_amount(noise.absolute_uS.value)} uS" if noise.absolute_uS else ""]
    reference = profile.programming.reference.replace("_", " ")
    return {
        "levels": f"{profile.n_levels}, {profile.g_min_uS:.4g} to {profile.g_max_uS:.4g} uS",
        "on/off ratio": f"{profile.g_max_uS / profile.g_min_uS:.4g}",
        "spread": f"{profile.programming.distribution}, in {reference}",
        "nearer to another level": f"{100 * nearer_to_another(profile):.3g} %",
        "read noise": " + ".join(part for part in parts if part) or "none given",
        "stuck cells": ", ".join(stuck) or "none given",
        "relaxation": "to " + f"{relaxation.aged[-1].time_s:g} s" if relaxation else "none given",
        "retention": ", ".join(f"{bake.temperature_C:g} °C" for bake in profile.retention.bakes)
        if profile.retention else "none given",
        "validity": _validity(profile),
        "source": profile.source,
    }


def spread_rows(first: DeviceProfile, second: DeviceProfile) -> list[dict[str, Any]]:
    """Standard deviations at the levels, where they are the same, else at conductances that both cover."""
    import numpy as np

    own, other = level_spreads(first), level_spreads(second)
    targets = [[row.target for row in rows] for rows in (own, other)]
    if targets[0] == targets[1]:
        at = np.array(targets[0])
    else:
        low, high = max(t[0] for t in targets), min(t[-1] for t in targets)
        at = np.linspace(low, high, POINTS) if low < high else np.array([])
    sd = [np.interp(at, t, [row.sd for row in rows]) for t, rows in zip(targets, (own, other), strict=True)]
    return [{"conductance_uS": float(g), "a_sd_uS": float(x), "b_sd_uS": float(y), "ratio": float(y / x) if x else None}
            for g, x, y in zip(at, *sd, strict=True)]


def share_rows(first: DeviceProfile, second: DeviceProfile) -> list[dict[str, Any]]:
    """The same in per cent of each profile's own range G_max - G_min, at shares of it."""
    import numpy as np

    at = np.linspace(0, 1, POINTS)
    sd = []
    for profile in (first, second):
        low, span, rows = profile.g_min_uS, profile.g_max_uS - profile.g_min_uS, level_spreads(profile)
        sd.append(np.interp(at, [(row.target - low) / span for row in rows], [100 * row.sd / span for row in rows]))
    return [{"range_percent": float(100 * g), "a_sd_percent": float(x), "b_sd_percent": float(y),
             "ratio": float(y / x) if x else None} for g, x, y in zip(at, *sd, strict=True)]


def _print_rows(title: str, header: list[str], rows: list[dict[str, Any]]) -> None:
    console.table(title, header, [["" if value is None else f"{value:.4g}" for value in row.values()] for row in rows])


def _amount(value: float | tuple[float, ...], scale: float = 1) -> str:
    if isinstance(value, tuple):
        return f"{scale * min(value):.3g} to {scale * max(value):.3g}"
    return f"{scale * value:.3g}"


def _validity(profile: DeviceProfile) -> str:
    if profile.validity is None:
        return "none stated"
    units = {"conductance_uS": "uS", "time_s": "s", "temperature_C": "°C"}
    ranges = {unit: getattr(profile.validity, key) for key, unit in units.items()}
    return ", ".join(f"{r[0]:g} to {r[1]:g} {unit}" for unit, r in ranges.items() if r is not None) or "no range stated"
