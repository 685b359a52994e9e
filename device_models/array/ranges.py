"""Ranges of the converters: as the macro says, else from sample inputs and the currents that they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device_models.array.columns import Columns
from device_models.array.converters import highest_adc_code, highest_dac_code
from device_models.array.effects import Effects
from device_models.array.types import F32, F64
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile

SHARE = 0.9999  # of the sample's values that fit without clipping, and the room above: as in an export for a board
HEADROOM = 1.1


@dataclass(frozen=True)
class Ranges:
    """dac_lsb: input of one DAC code. adc_lsb [S]: current of one ADC code for each slice, in uS times input."""

    signed: bool
    dac_lsb: float
    adc_lsb: tuple[float, ...]


def choose_ranges(
    sample: F32 | None, columns: Columns, macro: MacroConfig, profile: DeviceProfile, effects: Effects, slices: int
) -> Ranges:
    """Ranges for a matrix. `sample` [vectors, K]; inputs are signed where the sample is.

    ProfileError where a range is neither in the macro nor can be chosen, since there is no sample.
    """
    missing = [key for key, needed in (("dac_range", effects.dac or (effects.adc and macro.adc_range is not None)),
                                       ("adc_range", effects.adc)) if needed and getattr(macro, key) is None]
    if sample is None and missing:
        raise ProfileError(f"macro: {missing[0]}: missing, and there are no sample inputs to choose it from")
    signed = sample is not None and bool((sample < 0).any())
    full = macro.dac_range or _most(np.abs(sample) if sample is not None else np.ones(1))
    highest = highest_adc_code(macro.adc_bits)
    if macro.adc_range is not None:
        span = profile.g_max_uS - profile.g_min_uS
        lsb = [macro.adc_range * macro.rows_active * full * span / highest] * slices
    else:
        lsb = [_most(np.abs(c)) / highest for c in np.split(_currents(sample, columns, macro), slices, axis=-1)]
    return Ranges(signed, full / highest_dac_code(macro.dac_bits, signed), tuple(lsb))


def _most(values: F64 | F32) -> float:
    return HEADROOM * max(float(np.quantile(values, SHARE)), 1e-12)


def _currents(sample: F32 | None, columns: Columns, macro: MacroConfig) -> F64:
    """Currents [groups, vectors, C] of the sample: one conversion each."""
    if sample is None:
        return np.ones((1, 1, columns.net_uS.shape[1]))
    groups = range(0, len(columns.net_uS), macro.rows_active)
    return np.stack([sample[:, r : r + macro.rows_active].astype(np.float64) @ columns.net_uS[r : r + macro.rows_active]
                     for r in groups])
