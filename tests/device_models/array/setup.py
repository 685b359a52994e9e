"""What the tests of arrays share: small profiles, weights and inputs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from tests.device_models.documents import EVIDENCE, document

F64 = npt.NDArray[np.float64]
LEVELS = {"conductance_uS": [10.0, 20.0, 30.0, 40.0, 50.0], "evidence": EVIDENCE}
NORMAL = {"distribution": "normal", "reference": "absolute_uS", "evidence": EVIDENCE}
MACROS = {
    "differential": MacroConfig(rows=32, cols=16, rows_active=8),
    "offset": MacroConfig(rows=32, cols=16, rows_active=8, pairing="offset"),
    "bit-sliced": MacroConfig(rows=32, cols=16, rows_active=8, pairing="bit-sliced", cells_per_weight=3,
                              bits_per_cell=2),
}


def profile(sigma_uS: float = 1.0, noise_uS: float | None = None, **parts: Any) -> DeviceProfile:
    """Five even levels, 10 to 50 uS, normal spread; read noise relative 5 % plus `noise_uS` where that is given."""
    if noise_uS is not None:
        parts["read_noise"] = {"relative": {"value": 0.05, "evidence": EVIDENCE},
                               "absolute_uS": {"value": noise_uS, "evidence": EVIDENCE}}
    return DeviceProfile.from_dict(document(**{"levels": LEVELS, "programming": NORMAL | {"sigma": sigma_uS}} | parts))


def matrix(rows: int, cols: int, seed: int = 0) -> F64:
    """Weights between -1 and 1."""
    return np.random.default_rng(seed).uniform(-1, 1, (rows, cols))


def vectors(batch: int, rows: int, seed: int = 1, signed: bool = False) -> F64:
    """Inputs between 0 (or -1) and 1."""
    return np.random.default_rng(seed).uniform(-1 if signed else 0, 1, (batch, rows))


def error(found: npt.ArrayLike, expected: F64) -> float:
    """Relative root mean square error."""
    return float(np.sqrt(np.sum((np.asarray(found) - expected) ** 2) / np.sum(expected**2)))
