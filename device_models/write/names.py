"""The names by which algorithms and cell models are chosen; imports nothing, so that a `--help` answers at once."""

from __future__ import annotations

from typing import Literal

Algorithm = Literal["igvva", "ispva", "rvw", "single", "multipass"]
Model = Literal["statistical", "one-shot", "gate", "pulse-response", "filament"]
