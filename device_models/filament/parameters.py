"""What a filament cell is made of, as one frozen object; every number carries unit and evidence.

    cell = FilamentParameters()                       # an HfO2-like cell
    replace(cell, barrier_eV=1.1)                     # dataclasses.replace checks again
    evidence()["barrier_eV"]                          # unit, what it is, source, assumption
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from device_models.errors import ProfileError

BOLTZMANN_EV_PER_K = 8.617333262e-5  # CODATA 2018, exact
_SIEMENS = 1e-9 * 1e6  # [nm^2 / (ohm m nm)] -> S is 1e-9, S -> uS is 1e6


def _number(default: float, unit: str, what: str, source: str, *, assumption: bool = True, low: float = 0.0) -> Any:
    return field(default=default, metadata={"unit": unit, "what": what, "source": source, "assumption": assumption,
                                            "low": low})


_OURS = "ours, so that a loop at 1 V/s sets near 0.8 V and V_c is 0.4 V, as quoted for HfOx after Ielmini 2011"
_STATISTICS = "ours; the law is Ambrogio 2014's (few defects: large spread), the size is not taken from a figure"


@dataclass(frozen=True)
class FilamentParameters:
    """One technology of filament cells; lengths in nm, energies in eV, voltages in V.

    ProfileError where a number is not finite or out of its range. The equations are in `kinetics` and `circuit`.
    """

    thickness_nm: float = _number(5.0, "nm", "oxide thickness, the filament's length", "typical HfO2 cell, our choice")
    resistivity_ohm_m: float = _number(
        1.57e-5, "ohm m", "filament resistivity", "ours: 5 nm have 250 uS, the top of Milo's range (IRPS 2021)")
    minimum_nm: float = _number(
        0.15, "nm", "least diameter: RESET ends here", "ours: an open gap counts as a thin filament, 0.2 uS here")
    maximum_nm: float = _number(20.0, "nm", "largest diameter: SET ends here", "ours: the area of the smallest contact")
    rate_nm_per_s: float = _number(1e11, "nm/s", "pre-exponential growth rate A", _OURS)
    barrier_eV: float = _number(1.2, "eV", "energy barrier of ion migration at zero field, E_A0", _OURS)
    lowering: float = _number(0.3, "1", "barrier lowering alpha, in eV per V over the filament", _OURS)
    filament_W_per_m_K: float = _number(
        8.0, "W/(m K)", "thermal conductivity of the filament",
        "ours, between HfO2 (about 0.5, DipeshNiraula/RRAM-COMSOL-Model) and metal")
    lateral_W_per_K: float = _number(
        6.8e-9, "W/K", "heat conductance from the filament sideways into the oxide",
        "ours: 2 pi k t / ln(R/r) with k = 0.5 W/(m K) and R/r = 10 is 6.8e-9")
    ambient_K: float = _number(300.0, "K", "temperature of electrodes and oxide", "room temperature", assumption=False)
    series_ohm: float = _number(0.0, "ohm", "wires and contacts in series", "ours: none", low=-1.0)
    threshold_V: float = _number(0.5, "V", "threshold of the series transistor", "ours: it is not published")
    transistor_A_per_V2: float = _number(
        2.5e-4, "A/V^2", "beta of the series transistor, I_sat = beta (V_G - V_T)^2 / 2",
        "ours: gate 0.8 to 1.5 V limits at 11 to 125 uA, which gives Milo IRPS 2021's 50 to 225 uS")
    defect_nm: float = _number(0.8, "nm", "diameter of one defect; a filament holds (phi / this)^2", _STATISTICS)
    cycle_barrier_eV: float = _number(0.15, "eV", "deviation of one defect's barrier from pulse to pulse", _STATISTICS,
                                      low=-1.0)
    device_barrier_eV: float = _number(0.02, "eV", "deviation of the barrier from cell to cell", _STATISTICS, low=-1.0)
    device_threshold_V: float = _number(0.01, "V", "deviation of the transistor's threshold from cell to cell",
                                        "ours: mismatch of a small transistor", low=-1.0)
    read_noise: float = _number(0.01, "1", "one read's noise over the conductance", "ours", low=-1.0)

    def __post_init__(self) -> None:
        for item in fields(self):
            value, low = getattr(self, item.name), item.metadata["low"]
            if not isinstance(value, (int, float)) or not math.isfinite(value):
                raise ProfileError(f"filament: {item.name}: {value!r} is not a finite number ({item.metadata['unit']})")
            if value < 0 or (low == 0 and value == 0):
                raise ProfileError(f"filament: {item.name}: {value:g} is not {'>' if low == 0 else '>='} 0"
                                   f" ({item.metadata['unit']})")
        if self.maximum_nm <= self.minimum_nm:
            raise ProfileError(f"filament: maximum_nm: {self.maximum_nm:g} is not > minimum_nm {self.minimum_nm:g}")

    @property
    def uS_per_nm2(self) -> float:
        """Conductance over the square of the diameter, pi / (4 rho t_ox)."""
        return math.pi / (4 * self.resistivity_ohm_m * self.thickness_nm) * _SIEMENS

    @property
    def heating_K_per_V2(self) -> float:
        """Temperature rise over V^2 of a wide filament, 1 / (8 rho k_th): its heat leaves by its two ends."""
        return 1 / (8 * self.resistivity_ohm_m * self.filament_W_per_m_K)

    @property
    def lateral_nm2(self) -> float:
        """Square of the diameter at which as much heat leaves sideways as by the ends, t g / (2 pi k_th)."""
        return self.lateral_W_per_K * self.thickness_nm * 1e9 / (2 * math.pi * self.filament_W_per_m_K)


def evidence() -> dict[str, dict[str, Any]]:
    """Per parameter its unit, what it is, its source, and whether it is an assumption of ours."""
    return {item.name: {key: item.metadata[key] for key in ("unit", "what", "source", "assumption")}
            for item in fields(FilamentParameters)}
