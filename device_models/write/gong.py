"""Makes the preset gong-reram from the measured pulse response, from the CSV to the JSON; takes seconds.

    python -m device_models.write.gong ../shared/data/rram/pulse-response/gong_et_al.csv > gong-reram.json
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from device_models.errors import ProfileError
from device_models.fit.pulse_response import best_degree
from device_models.parts import Amount, Evidence, Levels, ProgrammingCost, ReadNoise
from device_models.profile import DeviceProfile
from device_models.pulse_response import PulseResponse, StateScale, StepLaw
from device_models.write.loops import Nudge, ReadVerifyWrite
from device_models.write.outcome import table
from device_models.write.port import Array, PulsedCells
from device_models.write.report import WriteReport, write_levels
from device_models.write.response import ResponseCells

PAPER = ("N. Gong et al., Signal and noise extraction from analog memory elements for neuromorphic computing, Nat. "
         "Commun. 9 (2018) 2102, doi 10.1038/s41467-018-04485-1")
FILE = "examples/csv/gong_et_al.csv of IBM/aihwkit (MIT), named there after N. Gong et al., Nat. Commun. 2018"
ZERO_uS, uS_PER_UNIT = 50.0, 35.0
STATES = tuple(-0.875 + 0.25 * i for i in range(8))
TOLERANCE_uS, MAX_PULSES, READS, CELLS, SEED = 2.0, 3000, 9, 300, 0


def make(path: Path) -> DeviceProfile:
    """The profile from the file at `path` (two columns without a header: state after each up and each down pulse)."""
    up, down = _columns(path)
    response = fit(up, down)
    report = write(response)
    ours = (f"R-V-W on the fitted pulse response: {CELLS} cells a level, tolerance {TOLERANCE_uS:g} uS, at most "
            f"{MAX_PULSES} pulses, {READS} reads averaged for a verify, from the middle of the range, seed {SEED}; "
            f"{report.failed_percent:.2g} % of the cells not within. The data hold no programmed levels.")
    made = Evidence(source=f"this project's simulation (python -m device_models.write.gong), on {FILE}", note=ours,
                    assumption=True)
    noise = uS_PER_UNIT * (response.up.reading_sd + response.down.reading_sd) / 2
    return DeviceProfile(
        schema_version=1, name="gong-reram",
        description="A ReRAM device by its measured response to 1000 up and 1000 down pulses. The response is "
                    "measured; scale, 8 levels and the spread after programming are ours.",
        source=f"{FILE}; {PAPER}", licence="Data: MIT (IBM/aihwkit); this document: Apache-2.0",
        conditions="Identical pulses; the response is scaled, without absolute conductance. Pulse voltages and widths, "
                   "temperature and the number of devices are not in the file; whether it is raw or read off a figure "
                   "is not stated.",
        levels=Levels(conductance_uS=tuple(round(ZERO_uS + uS_PER_UNIT * x, 6) for x in STATES), evidence=made),
        programming=table(report.written_uS, [row.target_uS for row in report.levels], made),
        read_noise=ReadNoise(absolute_uS=Amount(value=float(f"{noise:.4g}"), evidence=Evidence(
            source=FILE, assumption=True,
            note="The part of the noise that is gone at the next reading, mean of both directions, times the scale, "
            "which is ours. The data cannot tell read noise from a write that decays before the next pulse."))),
        programming_cost=ProgrammingCost(pulses=float(f"{report.pulses:.4g}"), evidence=made),
        pulse_response=response)


def fit(up: Array, down: Array) -> PulseResponse:
    """The pulse response of both columns, [n] each, numbers rounded to four digits."""
    fitted = Evidence(
        source=FILE, assumption=False,
        note="Maximum likelihood of one-pulse-ahead predictions; degree of the step (0 or 1) by the Bayesian "
        "information criterion (device_models.fit.pulse_response). The range is what both directions reach, as in "
        "aihwkit's example 21. One device.")
    scale = Evidence(source=FILE, assumption=True,
                     note="The file is scaled. 50 uS at state 0 and 35 uS per unit are ours: 5 to 98 uS in all.")
    ends = max(up.min(), down.min()), min(up.max(), down.max())
    return PulseResponse(state_range=(float(ends[0]), float(ends[1])), up=_rounded(best_degree([up], 1)),
                         down=_rounded(best_degree([down], 1)), evidence=fitted,
                         scale=StateScale(zero_uS=ZERO_uS, uS_per_unit=uS_PER_UNIT, evidence=scale))


def write(response: PulseResponse, cells: int = CELLS, seed: int = SEED) -> WriteReport:
    """What R-V-W makes of the levels on cells with this response."""

    def fresh(target_uS: Array) -> PulsedCells:
        return ResponseCells(response, len(target_uS), seed)

    levels = response.scale.zero_uS + response.scale.uS_per_unit * np.array(STATES)
    return write_levels(fresh, ReadVerifyWrite(TOLERANCE_uS, MAX_PULSES, Nudge(), reads=READS), levels, cells)


def _rounded(law: StepLaw) -> StepLaw:
    def short(value: float) -> float:
        return float(f"{value:.4g}")

    return StepLaw(polynomial=tuple(short(c) for c in law.polynomial), cycle_sd=short(law.cycle_sd),
                   fading_sd=short(law.fading_sd), memory=short(law.memory), reading_sd=short(law.reading_sd),
                   pulses=law.pulses)


def _columns(path: Path) -> tuple[Array, Array]:
    try:
        data = np.loadtxt(path, delimiter=",", ndmin=2)
    except ValueError as error:
        raise ProfileError(f"{path}: {error}") from None
    if data.shape[1] != 2:
        raise ProfileError(f"{path}: {data.shape[1]} columns, expected 2: up and down pulses")
    return data[:, 0], data[:, 1]


if __name__ == "__main__":
    sys.stdout.write(make(Path(sys.argv[1])).to_json())
