"""What an array is made with, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.array.effects import Effects
from device_models.array.read_noise import NoiseKind
from device_models.compile import CompiledProfile
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile


@dataclass(frozen=True)
class Chip:
    """What an array is made with: technology, circuit, switches, and the seed of every draw (`layer`: which matrix)."""

    profile: DeviceProfile
    compiled: CompiledProfile
    macro: MacroConfig
    effects: Effects
    noise: NoiseKind
    seed: int
    layer: int
