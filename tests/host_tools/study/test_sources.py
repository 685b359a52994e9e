"""Bundles of a sweep: what is derived in memory is what an export would have made; what cannot be is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from firmware_py.bundle import Bundle
from firmware_py.chip import Chip
from firmware_py.replay import Replay
from host_tools.errors import HostError
from host_tools.export import ExportOptions, export_bundle
from host_tools.mapping.mask import MaskChoice
from host_tools.record import load_model
from host_tools.study.axes import AXES, Setup
from host_tools.study.cases import Subject, cases_of, notes_of
from host_tools.study.chips import ChipPlan
from host_tools.study.sources import BundleSource, ModelSource, rederived
from host_tools.study.sweep import grid, parse_sweep
from tests.host_tools.profiles import changed
from tests.host_tools.study.conftest import Small

OPTIONS = ExportOptions(mask=MaskChoice("magnitude", sram_percent=20.0), vectors=16, seed=3)


def exported(small: Small, profile: DeviceProfile, options: ExportOptions, folder: Path) -> Bundle:
    """What an export makes of the network."""
    model = load_model(small.network)
    return export_bundle(folder / "b.rram.safetensors", model, model, profile, small.data, options, {})


def same(one: Bundle, other: Bundle) -> None:
    """Two bundles make the same chips."""
    for a, b in zip(one.layers, other.layers, strict=True):
        for key in ("levels", "gain", "offset", "y_std", "mask_indptr", "mask_rows", "mask_value", "mask_lr_exp"):
            np.testing.assert_array_equal(getattr(a, key), getattr(b, key), err_msg=key)
        assert (a.w_step, a.dac_lsb, a.adc_lsb) == (b.w_step, b.dac_lsb, b.adc_lsb)
    for key in one.tables.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one.tables, key), getattr(other.tables, key), err_msg=key)
    assert one.macro == other.macro
    assert one.profile == other.profile


@pytest.mark.parametrize("macro", [MacroConfig(), MacroConfig(adc_bits=5, dac_bits=6, rows=64)])
def test_a_bundle_for_another_technology_and_macro_is_the_exported_one(
    small: Small, tmp_path: Path, macro: MacroConfig
) -> None:
    profile = DeviceProfile.from_dict(changed(sigma=0.2, stuck_low=0.02))
    derived = rederived(Bundle.open(small.bundle), profile, macro)
    expected = exported(small, profile, replace(OPTIONS, macro=macro), tmp_path)
    same(derived, expected)
    assert derived.digest not in (expected.digest, Bundle.open(small.bundle).digest)
    x = small.data.x_test[:20]
    np.testing.assert_array_equal(Chip(derived, seed=4).logits_many(x), Chip(expected, seed=4).logits_many(x))


def test_the_same_technology_is_the_bundle_itself_and_digests_tell_others_apart(small: Small) -> None:
    source = BundleSource(Bundle.open(small.bundle))
    setup = source.setup(ChipPlan(small.bundle))
    assert source.bundle(setup) is source.original
    other = AXES["programming.sigma"].apply(setup, 0.3)
    digests = {source.bundle(s).digest for s in (other, AXES["macro.adc_bits"].apply(setup, 6))}
    assert len(digests | {source.original.digest}) == 3
    assert source.bundle(other).digest == source.bundle(other).digest


def test_levels_of_another_number_are_refused(small: Small) -> None:
    with pytest.raises(HostError, match="made for 10 levels, profile techA has others"):
        rederived(Bundle.open(small.bundle), DeviceProfile.load("techA"), MacroConfig())


@pytest.mark.parametrize("text", ["levels=4,8", "mask.sram_percent=5,10", "mask.criterion=random", "clip=2"])
def test_what_a_bundle_does_not_hold_is_refused_with_what_is_needed(small: Small, text: str) -> None:
    subject = Subject("student", BundleSource(Bundle.open(small.bundle)), ChipPlan(small.bundle, ("untouched",)))
    with pytest.raises(HostError) as error:
        cases_of([subject], grid([parse_sweep(text)]), small.study_data)
    assert f"--sweep: {text.partition('=')[0]}: {small.bundle} holds levels, not weights" in str(error.value)
    assert "give the model itself: rram study MODEL.keras --profile NAME" in str(error.value)


def model_source(small: Small, cache: Path) -> ModelSource:
    """The network itself."""
    return ModelSource(small.network, small.network, DeviceProfile.load("charan-65nm"), small.data, OPTIONS, cache)


def test_a_model_is_exported_for_every_point_and_only_once(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host_tools.tflite.to_tflite", lambda *_: b"TFL3")
    points = grid([parse_sweep("levels=4,6"), parse_sweep("mask.sram_percent=20,30")])
    subject = Subject("student", model_source(small, tmp_path / "recipes"), ChipPlan(Path(), ("untouched",)))
    cases = cases_of([subject], points, small.study_data)
    assert [len(case.bundle.tables.target) for case in cases] == [4, 4, 6, 6]
    sizes = [sum(layer.mask_rows.size for layer in case.bundle.layers) for case in cases]
    assert sizes[0] == sizes[2] < sizes[1] == sizes[3]
    assert len({case.bundle.digest for case in cases}) == 4
    monkeypatch.setattr("host_tools.study.prepare.export_bundle", lambda *_, **__: pytest.fail("exported again"))
    again = cases_of([subject], points, small.study_data)
    assert [case.bundle.digest for case in again] == [case.bundle.digest for case in cases]


def swept(setup: Setup, name: str, value: Any) -> Setup:
    """One axis at one value."""
    return AXES[name].apply(setup, value)


def test_every_axis_changes_what_it_says_and_nothing_else(small: Small) -> None:
    setup = BundleSource(Bundle.open(small.aging)).setup(ChipPlan(small.aging, ("untouched", "calibrated", "adapted")))
    charan = replace(setup, profile=DeviceProfile.load("charan-65nm"))
    assert swept(charan, "programming.sigma", 0.3).profile.programming.sigma == 0.3  # type: ignore[union-attr]
    assert swept(charan, "programming.scale", 0.5).profile.programming.sigma == 0.25  # type: ignore[union-attr]
    wide, own = swept(setup, "programming.scale", 2.0).profile.programming, setup.profile.programming
    np.testing.assert_allclose(wide.deviation, 2 * np.array(own.deviation))  # type: ignore[union-attr]
    assert swept(charan, "read_noise.relative", 0.1).profile.read_noise.relative.value == 0.1  # type: ignore[union-attr]
    noisy = swept(charan, "read_noise.absolute_uS", 2.0).profile.read_noise
    assert noisy.absolute_uS is not None and noisy.absolute_uS.value == 2.0
    assert noisy.relative == charan.profile.read_noise.relative
    for key, level in (("stuck_low", charan.profile.g_min_uS), ("stuck_high", charan.profile.g_max_uS)):
        stuck = getattr(swept(charan, f"faults.{key}", 0.01).profile.faults, key)
        assert (stuck.probability, stuck.conductance_uS) == (0.01, level)
    assert swept(setup, "age_h", 0.5).plan.start == ("aged:1800",)
    assert swept(setup, "drift_h", 0.5).plan.start == ("drifted:1800",)
    assert swept(setup, "temperature_C", 140.0).plan.start == ("baked:140",)
    assert swept(setup, "macro.adc_bits", 5).macro.adc_bits == 5
    assert swept(setup, "macro.rows_active", 32).macro.rows_active == 32
    assert swept(setup, "levels", 5).profile.n_levels == 5
    assert swept(setup, "mask.sram_percent", 7.0).mask.sram_percent == 7.0
    assert swept(setup, "vectors", 12).plan.steps == ("untouched", "calibrated=calibrated:12", "adapted")
    assert swept(setup, "labels", 7).plan.labels == 7
    assert swept(setup, "shift", "rotate:40").plan.shift.rotate_deg == 40
    assert swept(setup, "adapt.lr", 0.01).plan.adapt.lr == 0.01
    assert swept(setup, "adapt.layers", 2).plan.adapt.layers == 2
    assert swept(setup, "adapt.replay", "8:2").plan.adapt.replay == Replay(8, 2)
    assert swept(setup, "clip", 2.0).clip_sd == 2.0
    assert swept(setup, "mask.criterion", "random").mask.criterion == "random"
    assert swept(setup, "macro.dac_bits", 4).macro.dac_bits == 4


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("programming.sigma", 0.3, "profile techA has its spread as quantiles, not as sigma; sweep programming.scale"),
        ("read_noise.relative", -1.0, "read_noise.relative"),
        ("faults.stuck_low", 1.5, "faults.stuck_low"),
        ("age_h", -1.0, "expected seconds after programming"),
        ("drift_h", -1.0, "expected seconds after programming"),
        ("macro.adc_bits", 99, "--sweep: macro: adc_bits"),
        ("macro.rows_active", 100, "rows_active: 100 does not divide rows (128)"),
        ("levels", 1, "--sweep: levels: 1 is not 2 to 256"),
        ("vectors", 0, "--sweep: vectors: 0"),
        ("mask.sram_percent", 101.0, "is not a percentage"),
        ("mask.criterion", "best", "'best' is not one of"),
        ("shift", "blur", "--shift: 'blur' given"),
        ("labels", -1, "labels: -1 is not >= 0"),
        ("clip", 0.0, "clip: 0 is not > 0"),
        ("adapt.lr", -1.0, "expected lr > 0"),
        ("adapt.layers", 0, "adapt: layers: 0 given, expected at least 1"),
    ],
)
def test_a_value_that_cannot_be_is_refused_in_one_line(small: Small, name: str, value: Any, complaint: str) -> None:
    setup = BundleSource(Bundle.open(small.aging)).setup(ChipPlan(small.aging, ("untouched", "calibrated")))
    with pytest.raises(ValueError) as error:
        swept(setup, name, value)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("known", [("temperature_C=140", "has no bakes"), ("age_h=1", "has no relaxation")])
def test_a_profile_without_bakes_or_time_is_refused_before_any_chip(small: Small, known: tuple[str, str]) -> None:
    text, complaint = known
    subject = Subject("student", BundleSource(Bundle.open(small.bundle)), ChipPlan(small.bundle, ("untouched",)))
    with pytest.raises(ValueError, match=complaint):
        cases_of([subject], grid([parse_sweep(text)]), small.study_data)


@pytest.mark.parametrize(
    ("steps", "sweep", "complaint"),
    [("aged:1e9", "mask.sram_percent=20,30", "1e\\+09 s"), ("untouched", "age_h=0,1e6", "3.6e\\+09 s"),
     ("baked:500", "mask.sram_percent=20", "500")],
)  # fmt: skip
def test_what_no_cell_of_a_technology_lives_to_see_is_refused_before_any_export(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: str, sweep: str, complaint: str
) -> None:
    monkeypatch.setattr("host_tools.study.prepare.export_bundle", lambda *_, **__: pytest.fail("exported"))
    source = replace(model_source(small, tmp_path), profile=DeviceProfile.load("techA"))
    subject = Subject("student", source, ChipPlan(Path(), (steps,)))
    with pytest.raises(ValueError, match=complaint):
        cases_of([subject], grid([parse_sweep(sweep)]), small.study_data)


def test_what_was_done_before_may_be_done_again(small: Small) -> None:
    """`start` and `steps` are lists of their own: a calibration in both is no step given twice."""
    plan = ChipPlan(small.bundle, ("calibrated",), start=("calibrated",))
    (case,) = cases_of([Subject("student", BundleSource(Bundle.open(small.bundle)), plan)], [{}], small.study_data)
    assert notes_of([case]) == []
