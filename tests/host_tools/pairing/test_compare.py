"""Accuracy by pairing: what is counted, what is left out, and a warning that never looks at the test part."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from host_tools.pairing.compare import Trial, cells_of, every_pairing, on_pairing, pairing_warning
from host_tools.pairing.network import weights_of
from tests.host_tools.networks import CLASSES, L, chain, data
from tests.host_tools.profiles import changed

OFFSET = MacroConfig(pairing="offset")


def knowing() -> object:
    """A network that tells the corners of `networks.data` apart: each class is the sum over its corner."""
    model = chain(L.Flatten(), L.Dense(CLASSES, name="fc"))
    kernel = np.full((8, 8, CLASSES), -0.1)
    for label in range(CLASSES):
        row, column = 4 * (label // 2), 4 * (label % 2)
        kernel[row : row + 4, column : column + 4, label] = 0.3
    model.layers[-1].set_weights([kernel.reshape(64, CLASSES), np.zeros(CLASSES)])
    return model


def test_cells_are_counted_with_their_references() -> None:
    network = weights_of(chain(L.Flatten(), L.Dense(300, name="fc1"), L.Dense(CLASSES, name="fc2")))
    assert cells_of(network, MacroConfig()) == 2 * (64 * 300 + 300 * CLASSES)
    assert cells_of(network, OFFSET) == 64 * (300 + 3) + 300 * (CLASSES + 1)
    sliced = MacroConfig(pairing="bit-sliced", cells_per_weight=3, bits_per_cell=2)  # 42 weights a tile of 128
    assert cells_of(network, sliced) == 3 * (64 * (300 + 8) + 300 * (CLASSES + 1))


def test_two_levels_have_no_offset_pairing() -> None:
    two = DeviceProfile.from_dict(changed(levels=[20.0, 100.0]))
    macros, why_not = every_pairing(MacroConfig(), two)
    assert list(macros) == ["differential", "bit-sliced"]
    assert why_not == {"offset": "profile charan-65nm: 2 levels, offset pairing needs 3"}
    warning = pairing_warning(knowing(), two, OFFSET, data(), 0)
    assert warning == "profile charan-65nm: 2 levels, and offset pairing needs 3: one for the reference column, one " \
                      "above, one below"


def test_a_chip_is_its_seed_and_a_spread_costs_offset_most() -> None:
    profile, network = DeviceProfile.from_dict(changed(sigma=0.9)), weights_of(knowing())
    trial = Trial.test(data(), 200, range(6))
    found = {macro.pairing: on_pairing(network, profile, macro, trial)
             for macro in every_pairing(MacroConfig(), profile)[0].values()}
    assert all(row.no_spread == 100 for row in found.values())
    assert found["offset"].mean < found["differential"].mean
    again = on_pairing(network, profile, OFFSET, replace(trial, seeds=[3]))
    assert again.values == (found["offset"].values[3],)
    assert again.std == 0


def test_the_warning_tells_both_numbers_and_never_sees_the_test_part() -> None:
    profile, known = DeviceProfile.from_dict(changed(sigma=0.9)), data(400)
    warning = pairing_warning(knowing(), profile, OFFSET, known, 5)
    told = re.fullmatch(r"offset: (\S+) % on chips \(differential: (\S+) %; 5 chips, 40 validation images\)", warning)
    assert told and float(told[1]) < float(told[2])
    trial = Trial.held_out(known, 300, range(5, 10))
    assert told[1] == f"{on_pairing(weights_of(knowing()), profile, OFFSET, trial).mean:.3g}"
    unseen = replace(known, x_test=known.x_test[::-1] // 2, y_test=known.y_test[::-1] * 0)
    assert pairing_warning(knowing(), profile, OFFSET, unseen, 5) == warning
    assert pairing_warning(knowing(), profile, MacroConfig(), known, 5) == ""
