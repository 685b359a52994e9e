"""The two networks that are measured."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from firmware_py.bundle import Bundle


def lenet5(root: Path) -> Bundle:
    """A trained LeNet-5, SRAM 2.34 % of its weights."""
    return Bundle.open(root / "tests" / "data" / "mnist-lenet5.rram.safetensors")


def resnet8(root: Path, folder: Path) -> Bundle:
    """The trained ResNet-8 of the package, SRAM 2.34 % of its weights; random images choose mask and ranges."""
    from device_models.profile import DeviceProfile
    from host_tools.data import Dataset
    from host_tools.export import ExportOptions, export_bundle
    from host_tools.mapping.mask import MaskChoice
    from host_tools.record import load_model

    zoo = root / "host_tools" / "zoo"
    student, teacher = (load_model(zoo / f"cifar10-resnet8-{name}.keras") for name in ("student", "teacher"))
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (400, 32, 32, 3)).astype(np.uint8), rng.integers(0, 10, 400)
    data = Dataset("random", x, y, x[:100], y[:100], tuple(str(i) for i in range(10)))
    profile = DeviceProfile.load("charan-65nm")
    return export_bundle(folder / "resnet8.rram.safetensors", student, teacher, profile, data,
                         ExportOptions(mask=MaskChoice(sram_percent=2.34)), {})  # fmt: skip
