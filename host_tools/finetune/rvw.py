"""R-V-W (read-verify-write) at a given number of writes: the baseline that reads every cell."""

from __future__ import annotations

import numpy as np

from device_models.compile import programming_distribution
from device_models.write.loops import ReadVerifyWrite
from host_tools.finetune.chip import CellLayer, Chip

MAX_PULSES = 100


def expected_writes(chip: Chip, tolerance_uS: float) -> float:
    """Mean writes a cell, the first included, when each cell is written until it lies within the tolerance: a geometric
    law's 1 / P cut off after MAX_PULSES further ones, P = P(|G - target| <= tolerance) of each level."""
    profile = chip.technology.profile
    counts = np.sum([np.bincount(a.reshape(-1), minlength=profile.n_levels) for a in chip.asked], axis=0)
    mean = 0.0
    for level, (g, count) in enumerate(zip(profile.levels.conductance_uS, counts, strict=True)):
        law = programming_distribution(profile, level)
        missed = 1 - float(law.cdf(g + tolerance_uS) - law.cdf(g - tolerance_uS))
        mean += count * (1 + sum(missed**k for k in range(1, MAX_PULSES + 1)))
    return float(mean / counts.sum())


def tolerance_for(chip: Chip, writes: float) -> float:
    """The tolerance in uS at which R-V-W takes `writes` a cell (the first included), by bisection."""
    low, high = 1e-3, 2 * chip.technology.profile.g_max_uS
    for _ in range(50):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if expected_writes(chip, middle) > writes else (low, middle)
    return high


def read_verify_write(chip: Chip, writes: float) -> float:
    """Rewrite a freshly written chip so that its cells took about `writes` each; the tolerance in uS."""
    tolerance = tolerance_for(chip, writes)
    for port, asked in zip(chip.layers, chip.asked, strict=True):
        if not isinstance(port, CellLayer):
            raise TypeError("R-V-W needs a chip whose cells can be read one by one")
        port.write_verified(asked, ReadVerifyWrite(tolerance, MAX_PULSES, read_first=True))
    return tolerance
