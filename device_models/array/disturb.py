"""Read disturb: every read of a row changes its cells by a fixed small share."""

from __future__ import annotations

import numpy as np

from device_models.array.types import F32, F64, I64


def disturbed(g_uS: F64, reads: I64, change_per_read: float) -> F64:
    """Conductances [..., K, N] after `reads` [K] reads of each row: G (1 + change)^reads, at least 0."""
    factor = np.exp(reads * np.log1p(max(change_per_read, -1 + 1e-12)))
    out: F64 = g_uS * factor[:, None]
    return out


def count_reads(voltages: F32) -> I64:
    """Reads of each row [K] by inputs [batch, K]: a row at 0 V is not read."""
    reads: I64 = np.count_nonzero(voltages, axis=0).astype(np.int64)
    return reads
