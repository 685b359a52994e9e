"""A small exported network that is solved instead of trained, for the tests of studies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:
    from host_tools.data import Dataset
    from host_tools.study.chips import StudyData


@dataclass(frozen=True)
class Small:
    """A network, its data set, and its bundle for charan-65nm and for techA."""

    network: Path
    data: Dataset
    bundle: Path
    aging: Path

    @property
    def study_data(self) -> StudyData:
        """Fifty test images."""
        from host_tools.study.run import study_data

        return study_data(self.data, 50)


def solved(data: Dataset) -> Any:
    """Drawn features, and a last layer by least squares: a network that does its work, in no time."""
    from tests.host_tools import networks

    layers = networks.L
    model = networks.chain(
        layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"), layers.MaxPooling2D(2, name="pool"),
        layers.Flatten(name="flatten"), layers.Dense(12, activation="relu", name="fc1"),
        layers.Dense(networks.CLASSES, name="fc2"),
    )  # fmt: skip
    features, x = networks.keras.Model(model.inputs, model.layers[-2].output), data.x_train.astype(np.float32) / 255
    design = np.c_[np.asarray(features([x])), np.ones(len(x))]
    wanted = np.eye(networks.CLASSES)[data.y_train]
    found = np.linalg.lstsq(np.r_[design, 0.3 * np.eye(13)], np.r_[wanted, np.zeros((13, 4))], rcond=None)[0]
    model.layers[-1].set_weights([found[:-1], found[-1]])
    return model


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Export once: a few seconds."""
    pytest.importorskip("tensorflow", reason="networks are Keras models")
    from device_models.profile import DeviceProfile
    from host_tools.export import ExportOptions, export_bundle
    from host_tools.mapping.mask import MaskChoice
    from tests.host_tools import networks

    folder = tmp_path_factory.mktemp("study")
    data = replace(networks.data(200), name="corners", classes=("0", "1", "2", "3"))
    model = solved(data)
    model.save(folder / "net.keras")
    options = ExportOptions(mask=MaskChoice("magnitude", sram_percent=20.0), vectors=16, seed=3)
    paths = {}
    for name in ("charan-65nm", "techA"):
        paths[name] = folder / f"{name}.rram.safetensors"
        export_bundle(paths[name], model, model, DeviceProfile.load(name), data, options, {})
    return Small(folder / "net.keras", data, paths["charan-65nm"], paths["techA"])
