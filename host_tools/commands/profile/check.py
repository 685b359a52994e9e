"""`rram profile check`: a profile's own distributions held against measured cells."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from host_tools import console
from host_tools.commands.measured_options import MeasuredFiles, measured_against
from host_tools.commands.outside_option import outside_option

if TYPE_CHECKING:
    from device_models.check.judge import Summary, Verdict


@click.command("check", context_settings={"max_content_width": 118})
@click.argument("profile", metavar="NAME|FILE")
@measured_against
@click.option("--cells", "half", type=click.Choice(["a", "b"]), default="b", show_default=True,
              help="Half of the cells that judges; the other makes the baselines.")
@outside_option("Also outside of where the profile holds.")
@click.option("--plot", metavar="FILE", type=click.Path(path_type=Path), callback=console.writable,
              help="Draw measured beside modelled quantiles and distributions.")
@console.common_options
def command(
    profile: str, measured: MeasuredFiles, half: str, outside: bool, plot: Path | None, seed: int, json_file: str | None
) -> None:
    """Hold a profile against measured cells; exit code 1 where it does not pass.

    ks_ratio: median over levels and times of the Kolmogorov-Smirnov distance over what sampling alone gives; 1 is a
    true model. It passes where it beats a normal fit, is no worse than the other half's cells, and confuses levels as
    the cells do.

    \b
    Example: rram profile check my.json --against cells.csv --target 'addr % 32'
    """
    from device_models.check.judge import comparable, judge
    from device_models.fit.groups import group
    from device_models.profile import DeviceProfile

    document = DeviceProfile.load(profile)
    cells = measured.cells()
    judged, fitted = group(cells.half(half)), group(cells.half("a" if half == "b" else "b"))  # type: ignore[arg-type]
    judged, fitted, left_out = comparable(judged, fitted)
    verdict = judge(document, judged, fitted, outside)
    if left_out:
        console.say(f"left out: too few cells at {', '.join(f'{time_s:g}' for time_s in left_out)} s")
    _print(document.name, verdict)
    if plot:
        from host_tools.plots.check import figure

        figure(document, judged, verdict, outside).savefig(plot, dpi=110)
        console.say(f"picture: {plot}")
    console.emit_json(_json(verdict), json_file)
    if not verdict.passed:
        sys.exit(1)


def _print(name: str, verdict: Verdict) -> None:
    times = sorted({g.time_s for g in verdict.groups})
    rows = []
    for time_s in times:
        groups = [g for g in verdict.groups if g.time_s == time_s]
        worst = max(groups, key=lambda g: g.ks_ratio)
        ratios = sorted(g.ks_ratio for g in groups)
        rows.append([f"{time_s:g}", str(len(groups)), str(sum(g.n for g in groups)), f"{ratios[len(ratios) // 2]:.2f}",
                     f"{100 * sum(g.rejected for g in groups) / len(groups):.0f} %",
                     f"{sum(g.wasserstein_uS for g in groups) / len(groups):.2f}",
                     f"{worst.level} ({worst.ks_ratio:.2f})"])
    header = ["time in s", "levels", "cells", "median ks ratio", "rejected at 5 %", "Wasserstein in uS", "worst level"]
    console.table(f"{name} against the measured cells", header, rows)
    summaries = {"this profile": verdict.model, "normal fit per group": verdict.baselines["normal"],
                 "cells of the other half": verdict.baselines["bootstrap"]}
    console.table("All levels and times", ["", "ks_ratio", "rejected at 5 %", "Wasserstein in uS"],
                  [[label, *_row(summary)] for label, summary in summaries.items()])
    console.say(f"confusion of levels: total variation {verdict.tv_mean:.4f}; between the two halves "
                f"{verdict.tv_floor:.4f}")
    console.say("PASS" if verdict.passed else "FAIL: " + "; ".join(verdict.reasons))


def _row(summary: Summary) -> list[str]:
    return [f"{summary.ks_ratio:.3f}", f"{summary.rejected_percent:.1f} %", f"{summary.wasserstein_uS:.2f}"]


def _json(verdict: Verdict) -> dict[str, Any]:
    return {"ks_ratio": verdict.model.ks_ratio, "rejected_percent": verdict.model.rejected_percent,
            "wasserstein_uS": verdict.model.wasserstein_uS, "tv_mean": verdict.tv_mean, "tv_floor": verdict.tv_floor,
            "groups": [asdict(group) for group in verdict.groups],
            "baselines": {name: asdict(summary) for name, summary in verdict.baselines.items()},
            "reasons": list(verdict.reasons), "pass": verdict.passed}
