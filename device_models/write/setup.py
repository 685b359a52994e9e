"""From names to objects: cells of a profile by the name of a model, algorithms by their name, with checked settings.

    setup = Setup(profile, algorithm="igvva", tolerance_uS=5.0)
    report = write_levels(setup.cells, setup.build(), setup.levels_uS, cells=1000)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import get_args

import numpy as np

from device_models.errors import ProfileError
from device_models.profile import DeviceProfile
from device_models.validity import refuse_outside
from device_models.write.algorithm import Timing, WriteAlgorithm
from device_models.write.broadening import Broadening
from device_models.write.calibrate import GateTable, measure
from device_models.write.cells import Reading
from device_models.write.gate import GateCells, GateModel
from device_models.write.loops import MultiPass, Nudge, ReadVerifyWrite, Rewrite, SinglePulse
from device_models.write.names import Algorithm, Model
from device_models.write.oneshot import OneShotCells, energy_of_a_pulse_pJ
from device_models.write.port import Array, PulsedCells
from device_models.write.ramps import Igvva, Ispva, Reset
from device_models.write.response import ResponseCells

MAX_PULSES = 100_000
_GATES_V = np.arange(0.4, 2.01, 0.05)  # where `measure` looks for a target's gate voltage
_CALIBRATION = 1 << 63  # added to the seed: the cells that are measured are not those that are written


@dataclass(frozen=True)
class Setup:
    """What to write, with what, on which cells. `levels_uS` empty: the profile's own. ProfileError for bad settings.

    model "statistical": gate-controlled cells for igvva and ispva, pulse-response cells for rvw and multipass where
    the profile has a pulse response, else one-shot cells; "one-shot", "gate", "pulse-response", "filament": that model.
    """

    profile: DeviceProfile
    algorithm: Algorithm
    tolerance_uS: float | None = None
    model: Model = "statistical"
    levels: tuple[float, ...] = ()
    max_pulses: int = 1000
    reads: int = 1
    passes: int = 3
    wait_s: float = 1.0
    step_V: float = 0.1
    start_V: float = 0.5
    early_uS: float = 0.0
    amplitude_V: float | None = None
    timing: Timing = field(default_factory=Timing)
    seed: int = 0
    outside: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (("algorithm", self.algorithm, Algorithm), ("model", self.model, Model)):
            if value not in get_args(known):
                raise ProfileError(f"{name}: {value!r} is not one of {', '.join(get_args(known))}")
        numbers = (("tolerance", self.tolerance_uS, "uS"), ("gate step", self.step_V, "V"), ("wait", self.wait_s, "s"),
                   ("amplitude", self.amplitude_V, "V"),
                   ("pulse width", self.timing.pulse_s, "s"), ("read time", self.timing.read_s, "s"))
        for name, number, unit in numbers:
            if number is not None and not (np.isfinite(number) and number > 0):
                raise ProfileError(f"{name}: {number:g} {unit} is not > 0")
        if not 0 <= self.early_uS < np.inf:
            raise ProfileError(f"early: {self.early_uS:g} uS is not >= 0")
        counts = (("max-pulses", self.max_pulses, MAX_PULSES), ("passes", self.passes, 100),
                  ("reads", self.reads, 1000))
        for name, count, most in counts:
            if not 1 <= count <= most:
                raise ProfileError(f"{name}: {count} is not 1 to {most}")
        if not 0 <= self.start_V < 5 or not np.isfinite(self.step_V) or self.step_V < 1e-4:
            raise ProfileError(f"ramp: {self.start_V:g} V by {self.step_V:g} V: not from 0 to 5 V by >= 0.0001 V")
        self._check_levels()
        self._check_model()

    def _check_levels(self) -> None:
        if len(self.levels) == 1:
            raise ProfileError(f"levels: {self.levels[0]:g} uS alone is one level, expected at least 2")
        for level in self.levels:
            if not (np.isfinite(level) and level > 0):
                raise ProfileError(f"levels: {level:g} uS is not > 0")
            refuse_outside(self.profile, conductance_uS=level, outside=self.outside)
        if any(after <= before for before, after in zip(self.levels, self.levels[1:], strict=False)):
            raise ProfileError(f"levels: {', '.join(f'{level:g}' for level in self.levels)} uS do not rise")

    def _check_model(self) -> None:
        kind, ramp = self.kind, self.algorithm in ("igvva", "ispva")
        if kind == "pulse-response" and self.profile.pulse_response is None:
            raise ProfileError(f"profile {self.profile.name}: pulse_response: absent, which model pulse-response needs")
        if ramp and kind not in ("gate", "filament"):
            raise ProfileError(f"algorithm {self.algorithm}: {kind} cells have no gate and no SET voltage, expected "
                               "model gate or filament")
        if self.algorithm == "single" and kind == "pulse-response":
            raise ProfileError("algorithm single: pulse-response cells move by small steps: expected rvw or multipass")

    @property
    def kind(self) -> str:
        """The cell model: "one-shot", "gate", "pulse-response" or "filament"."""
        if self.model != "statistical":
            return self.model
        if self.algorithm in ("igvva", "ispva"):
            return "gate"
        return "pulse-response" if self.profile.pulse_response and self.algorithm != "single" else "one-shot"

    @property
    def levels_uS(self) -> Array:
        """The targets."""
        return np.array(self.levels or self.profile.levels.conductance_uS)

    @property
    def allowed_uS(self) -> float:
        """The tolerance; none given: half the smallest level distance, for a ramp (which ends above) all of it."""
        if self.tolerance_uS is not None:
            return self.tolerance_uS
        return float(np.diff(self.levels_uS).min()) * (1.0 if self.algorithm in ("igvva", "ispva") else 0.5)

    @property
    def _top_V(self) -> float:
        if self.amplitude_V is not None:
            return self.amplitude_V
        return 1.8 if self.kind == "filament" else 1.2  # 1.2 V: Milo's IGVVA

    def cells(self, target_uS: Array) -> PulsedCells:
        """Fresh cells for targets [n]."""
        return self._make(target_uS, self.seed)

    def build(self) -> WriteAlgorithm:
        """The algorithm."""
        tolerance, timing = self.allowed_uS, self.timing
        if self.algorithm == "igvva":
            return Igvva(tolerance, self.early_uS, self.start_V, self.step_V, amplitude_V=self._top_V,
                         max_pulses=self.max_pulses, timing=timing)
        if self.algorithm == "ispva":
            return Ispva(tolerance, self._gates(), self.early_uS, self.start_V, self.step_V, max_pulses=self.max_pulses,
                         timing=timing)
        if self.kind == "pulse-response":
            loop = ReadVerifyWrite(tolerance, self.max_pulses, Nudge(), reads=self.reads, timing=timing)
        else:
            rewrite = Rewrite() if self.kind == "one-shot" else Rewrite(self._gates(), Reset(), self._top_V)
            if self.algorithm == "single":
                return SinglePulse(tolerance, rewrite, timing)
            loop = ReadVerifyWrite(tolerance, self.max_pulses, rewrite, reads=self.reads, timing=timing)
        return loop if self.algorithm == "rvw" else MultiPass(loop, self.passes, self.wait_s)

    def before(self) -> WriteAlgorithm | None:
        """One attempt without verify on the same cells, to compare with; None where the model has no such thing."""
        if self.kind == "pulse-response":
            return None
        rewrite = Rewrite() if self.kind == "one-shot" else Rewrite(self._gates(), Reset(), self._top_V)
        return SinglePulse(self.allowed_uS, rewrite, self.timing)

    def _gates(self) -> GateTable:
        return measure(lambda n: self._make(np.full(n, self.levels_uS[0]), self.seed ^ _CALIBRATION), _GATES_V,
                       self._top_V, self.timing.pulse_s)

    def _make(self, target_uS: Array, seed: int) -> PulsedCells:
        profile, size = self.profile, len(target_uS)
        if self.kind == "one-shot":
            return OneShotCells(profile, target_uS, seed)
        if self.kind == "filament":
            from device_models.filament.parameters import FilamentParameters
            from device_models.filament.port import FilamentCells

            return FilamentCells(FilamentParameters(), size, seed)
        if self.kind == "pulse-response":
            assert profile.pulse_response is not None
            return ResponseCells(profile.pulse_response, size, seed, broadening=Broadening.from_profile(profile),
                                 energy_pJ=energy_of_a_pulse_pJ(profile))
        return GateCells(GateModel.for_levels(profile.levels.conductance_uS), size, seed, Reading.from_profile(profile),
                         Broadening.from_profile(profile), energy_of_a_pulse_pJ(profile))
