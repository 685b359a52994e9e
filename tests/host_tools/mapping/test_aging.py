"""What of a profile travels so that cells age on the board, and that nothing does unless it is asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device_models.profile import DeviceProfile
from host_tools.errors import HostError
from host_tools.mapping.aging import aging_tensors
from tests.device_models.documents import EVIDENCE

TECH_A = DeviceProfile.load("techA")


def wearing(change: float, name: str = "charan-65nm") -> DeviceProfile:
    """A preset with a read disturb."""
    document: dict[str, Any] = DeviceProfile.load(name).model_dump(exclude_none=True)
    return DeviceProfile.from_dict(
        document | {"read_disturb": {"relative_change_per_read": change, "evidence": EVIDENCE}}
    )


def test_the_law_is_the_profiles_in_g_steps() -> None:
    tensors, law = aging_tensors(TECH_A), TECH_A.relaxation.law
    step = (TECH_A.g_max_uS - TECH_A.g_min_uS) / 2048
    np.testing.assert_allclose(tensors["profile.drift"][0] * step, law.mean_per_decade_uS)
    np.testing.assert_allclose(tensors["profile.drift"][1] * step, law.sd_per_decade_uS)
    assert tensors["profile.drift_s"].tolist() == [0.01, 1e4] and "profile.disturb" not in tensors


def test_a_deviation_that_falls_is_none() -> None:
    document = TECH_A.model_dump(exclude_none=True)
    document["relaxation"]["law"]["sd_per_decade_uS"] = [-1.0] * 32
    assert not aging_tensors(DeviceProfile.from_dict(document))["profile.drift"][1].any()


def test_a_disturb_travels_alone() -> None:
    assert {k: v.tolist() for k, v in aging_tensors(wearing(-1e-7)).items()} == {"profile.disturb": [-1e-7]}


@pytest.mark.parametrize(("profile", "text"), [
    (DeviceProfile.load("charan-65nm"), "^--aging: profile charan-65nm has neither a law of drift"),
    (wearing(0.6), "^--aging: profile charan-65nm: 0.6 of a cell a read is more than a board takes$"),
])
def test_what_cannot_age_is_one_line(profile: DeviceProfile, text: str) -> None:
    with pytest.raises(HostError, match=text):
        aging_tensors(profile)


def test_an_export_ages_only_where_it_is_asked_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tensorflow", reason="networks are Keras models")
    from device_models.macro import MacroConfig
    from firmware_py import Chip
    from tests.host_tools.test_export import OPTIONS, write

    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"TFL3")
    macro = MacroConfig(adc_gain_sigma=0.02, adc_offset_sigma_lsb=0.5)
    plain = write(tmp_path / "plain.safetensors", profile=TECH_A, options=replace(OPTIONS, vectors=8))
    aging = write(tmp_path / "aging.safetensors", profile=TECH_A, options=replace(OPTIONS, macro=macro, aging=True))
    assert plain.aging.drift is None and plain.macro.adc_gain_sigma == 0
    assert (aging.macro.adc_gain_sigma, aging.macro.adc_offset_sigma_lsb) == (0.02, 0.5)
    for engine in ("numpy", "auto"):
        chip = Chip(aging, aging.golden["seed"], engine)
        np.testing.assert_allclose(chip.logits_many(aging.golden_x), aging.golden_logits, rtol=1e-5)
        chip.refresh(1e4)
        assert chip.engine.cells[0].adc is not None
        assert np.abs(chip.logits_many(aging.golden_x) - aging.golden_logits).max() > 0
