"""What an algorithm wrote, as a DeviceProfile: its spread can go into training, export and study like any other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from device_models.aging import AgedSpread, Relaxation
from device_models.derive import read_noise_at
from device_models.parts import Amount, Evidence, Levels, ProgrammingCost, ReadNoise
from device_models.profile import DeviceProfile
from device_models.spread import QuantileSpread
from device_models.write.algorithm import Timing
from device_models.write.port import Array
from device_models.write.report import WriteReport
from device_models.write.setup import Setup

# Fine at both tails: with them the table's deviation is within 1 % of the cells' (tests).
PROBABILITIES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, *(round(0.05 * i, 2) for i in range(1, 20)),
                 0.965, 0.98, 0.99, 0.995, 0.998, 0.999, 1.0)


def written_profile(setup: Setup, report: WriteReport) -> DeviceProfile:
    """The profile of what `setup` wrote; its evidence says with what. Filament cells bring their own read noise where
    the setup's profile states none."""
    many = f", {setup.reads} reads for a verify" if setup.reads > 1 else ""
    ramp = f", {1000 * setup.step_V:g} mV a step from {setup.start_V:g} V, stopping {setup.early_uS:g} uS early"
    passes = f", {setup.passes} passes {setup.wait_s:g} s apart"
    how = (f"{setup.algorithm} on {setup.kind} cells, tolerance {setup.allowed_uS:g} uS, at most {setup.max_pulses} "
           f"pulses{many}{ramp if setup.algorithm in ('igvva', 'ispva') else ''}"
           f"{passes if setup.algorithm == 'multipass' else ''}, {report.written_uS.shape[1]} cells a level, seed "
           f"{setup.seed}; {report.failed_percent:.2g} % of the cells not within")
    source = setup.profile
    noise = source.read_noise
    if setup.kind == "filament" and noise.relative is None and noise.absolute_uS is None:
        source = source.model_copy(update={"read_noise": _filament_noise()})
    return outcome(source, report, setup.timing, f"{source.name[:50]}-{setup.algorithm}", how)


def _filament_noise() -> ReadNoise:
    from device_models.filament.parameters import FilamentParameters, evidence

    return ReadNoise(relative=Amount(value=FilamentParameters().read_noise, evidence=Evidence(
        source="device_models.filament: read_noise", note=str(evidence()["read_noise"]["source"]), assumption=True)))


def outcome(source: DeviceProfile, report: WriteReport, timing: Timing, name: str, how: str) -> DeviceProfile:
    """The profile of the written cells; `how` names algorithm, cell model and seed in one line, for the evidence.

    Read noise, faults and validity are the source's (stuck cells were not written, so they are not counted twice).
    Relaxed cells become `relaxation` at that time; the source's own relaxation and retention are left out, because
    they are those of its own way of writing.
    """
    levels = tuple(row.target_uS for row in report.levels)
    same = levels == source.levels.conductance_uS
    evidence = Evidence(source=f"rram program on profile {source.name}: {source.source}", note=how, assumption=True)
    relaxation = None
    if report.relaxed_uS is not None:
        aged = AgedSpread(time_s=report.relax_s, spread=table(report.relaxed_uS, levels, evidence))
        relaxation = Relaxation(aged=(aged,), evidence=evidence)
    cost = ProgrammingCost(pulses=report.pulses, pulse_width_ns=1e9 * timing.pulse_s,
                           energy_pJ=report.energy_pJ or None, evidence=evidence)
    changes = {"name": name, "description": f"Cells of {source.name} as written by {how}", "levels":
               source.levels if same else Levels(conductance_uS=levels, evidence=evidence),
               "programming": table(report.written_uS, levels, evidence), "relaxation": relaxation, "retention": None,
               "programming_cost": cost}
    if not same:
        changes["read_noise"] = read_noise_at(source, levels)
    return DeviceProfile.model_validate({**{key: getattr(source, key) for key in type(source).model_fields}, **changes})


def table(cells_uS: Array, levels: Sequence[float], evidence: Evidence) -> QuantileSpread:
    """Quantiles of the cells [L, n] about their levels."""
    rows = np.quantile(cells_uS, PROBABILITIES, axis=1).T - np.array(levels)[:, None]
    return QuantileSpread(distribution="quantiles", reference="absolute_uS", probability=PROBABILITIES,
                          deviation=tuple(tuple(round(float(v), 6) for v in row) for row in rows), evidence=evidence)
