"""`rram profile list`: the profiles that travel with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from host_tools import console
from host_tools.commands.profile.show import say_wrapped
from host_tools.commands.profile.spread_rows import level_spreads

if TYPE_CHECKING:
    from device_models.profile import DeviceProfile


@click.command("list")
@console.common_options
def command(seed: int, json_file: str | None) -> None:
    """List the profiles and macros that travel with the package.

    Spread after programming and deviation of one read: the least, middle and largest level, in % of its own mean.

    Example: rram profile list
    """
    from device_models import presets

    profiles = [presets.load(name) for name in presets.names()]
    shares = [_shares(p) for p in profiles]
    rows = [[p.name, str(p.n_levels), f"{p.g_min_uS:.4g} to {p.g_max_uS:.4g}", p.programming.distribution,
             *(" / ".join(f"{x:.3g}" for x in percents) or "not given" for percents in share.values())]
            for p, share in zip(profiles, shares, strict=True)]
    console.table("Profiles", ["name", "levels", "uS", "distribution", "spread in %", "read noise in %"], rows)
    macros = [presets.load_macro(name) for name in presets.macro_names()]
    console.table("Macros", ["name", "rows x columns", "pairing", "DAC bits", "ADC bits"],
                  [[m.name, f"{m.macro.rows} x {m.macro.cols}", m.macro.pairing, str(m.macro.dac_bits),
                    str(m.macro.adc_bits)] for m in macros])
    for p in profiles:
        say_wrapped(f"{p.name}: {p.description}", indent=0)
    keys = ("name", "description", "source", "licence")
    console.emit_json({"profiles": [{key: getattr(p, key) for key in keys} | share
                                    for p, share in zip(profiles, shares, strict=True)],
                       "macros": [{key: getattr(m, key) for key in keys} for m in macros]}, json_file)


def _shares(profile: DeviceProfile) -> dict[str, tuple[float, ...]]:
    """Least, middle (the upper of two) and largest of the levels' deviations, in % of own means; () if not given."""
    rows = level_spreads(profile)
    given = profile.read_noise.relative is not None or profile.read_noise.absolute_uS is not None
    found: dict[str, tuple[float, ...]] = {}
    for key, values in (("spread_percent", [row.sd / row.mean for row in rows]),
                        ("read_noise_percent", [row.read_noise / row.mean for row in rows if given])):
        ascending = sorted(100 * value for value in values)
        found[key] = (ascending[0], ascending[len(ascending) // 2], ascending[-1]) if ascending else ()
    return found
