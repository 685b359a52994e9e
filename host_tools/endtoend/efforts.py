"""Ways to write cells, from the cheapest to the most precise, and the profile that each leaves.

    effort = parse_effort("rvw:tolerance=4,reads=3", Setup(profile, "rvw"))
    written = write(effort, cells=1000)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.profile import DeviceProfile
from device_models.write.names import Model
from device_models.write.outcome import written_profile
from device_models.write.report import WriteReport, write_levels
from device_models.write.setup import Setup
from host_tools.errors import HostError

# key of an effort's text -> (field of Setup, from the user's number)
KEYS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "tolerance": ("tolerance_uS", float), "early": ("early_uS", float), "start": ("start_V", float),
    "step": ("step_V", lambda text: float(text) / 1000), "reads": ("reads", int), "passes": ("passes", int),
    "pulses": ("max_pulses", int),
}  # fmt: skip
KEYS_HELP = "tolerance, early (uS), start (V), step (mV), reads, passes, pulses"


@dataclass(frozen=True)
class Effort:
    """One way to write: `name` as the user wrote it, and what it sets."""

    name: str
    setup: Setup


@dataclass(frozen=True)
class Written:
    """What an effort leaves: the report of the write, and the written cells as a profile."""

    effort: Effort
    report: WriteReport
    profile: DeviceProfile

    @property
    def error_uS(self) -> float:
        """Root mean square distance of a cell from its target: deviation and what the mean is off."""
        off = self.report.written_uS - self.effort.setup.levels_uS[:, None]
        return float(np.sqrt(np.mean(off**2)))

    def cost_of(self, cells: npt.NDArray[np.int64]) -> tuple[float, float | None]:
        """Pulses and energy in pJ (None: unknown) of writing so many `cells` [L] of each level."""
        rows = self.report.levels
        pulses = float(np.dot(cells, [row.pulses_mean for row in rows]))
        known = [row.energy_pJ for row in rows if row.energy_pJ is not None]
        return pulses, float(np.dot(cells, known)) if len(known) == len(rows) else None


def parse_effort(text: str, base: Setup) -> Effort:
    """'NAME' or 'NAME:key=value,...' on the cells of `base`; HostError, or ProfileError for what the cells refuse."""
    algorithm, _, rest = text.partition(":")
    changes: dict[str, Any] = {}
    for part in rest.split(",") if rest else []:
        key, equals, value = part.partition("=")
        if key not in KEYS or not equals:
            raise HostError(f"--effort: {text}: {part!r} is not KEY=NUMBER with a key of {KEYS_HELP}")
        field, number = KEYS[key]
        try:
            changes[field] = number(value)
        except ValueError:
            raise HostError(f"--effort: {text}: {value!r} is not a number, expected {key}=NUMBER") from None
    return Effort(text, replace(base, **{"algorithm": algorithm, **changes}))


def usual_efforts(profile: DeviceProfile, model: Model = "statistical") -> tuple[str, ...]:
    """Efforts from one attempt to precise, for these cells; tolerances follow the distance of the levels.

    Cells with a gate: ramps by 100 and 10 mV as well. Cells that move by small steps have no single attempt.
    """
    kind = Setup(profile, "rvw", model=model).kind
    distance = float(np.diff(profile.levels.conductance_uS).min())

    def verify(share: float) -> str:
        return f"rvw:tolerance={distance * share:.3g}"

    if kind in ("gate", "filament"):
        return "single", "igvva:step=100", verify(0.5), verify(0.125), "igvva:step=10"
    if kind == "pulse-response":
        return tuple(f"{verify(share)},reads=9,pulses=3000" for share in (2, 1, 0.5, 0.25))
    return "single", verify(2), verify(1), verify(0.5), verify(0.125)


def write(effort: Effort, cells: int) -> Written:
    """Write `cells` cells to each level; the report and the profile."""
    setup = effort.setup
    report = write_levels(setup.cells, setup.build(), setup.levels_uS, cells)
    return Written(effort, report, written_profile(setup, report))
