"""`rram profile show` says unit, use and evidence of every number; `diff` says what differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import lognorm, norm

from device_models import presets
from device_models.profile import DeviceProfile
from host_tools.cli import main
from host_tools.commands.profile.numbers import DOCUMENTATION, Number, numbers
from host_tools.commands.profile.spread_rows import level_spreads, nearer_to_another


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Exit code, parsed JSON and standard error of `rram profile ARGUMENTS --json -`."""
    with pytest.raises(SystemExit) as end:
        main(["profile", *arguments, "--json", "-"])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), json.loads(out or "null"), err


def of(name: str) -> dict[str, Number]:
    """The numbers of a preset by their path."""
    return {one.path: one for one in numbers(presets.load(name).model_dump(exclude_none=True))}


def leaves(data: Any) -> int:
    """Numbers, or lists of them, in a parsed document, schema version aside."""
    if isinstance(data, dict):
        return sum(leaves(value) for key, value in data.items() if key not in ("evidence", "schema_version"))
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return sum(leaves(item) for item in data)
    return int(isinstance(data, (int, float, list)) and not isinstance(data, bool))


@pytest.mark.parametrize("name", presets.names())
def test_every_number_of_every_preset_has_a_unit_a_use_and_evidence(name: str) -> None:
    found = of(name)
    assert len(found) == leaves(json.loads(presets.load(name).to_json()))
    for one in found.values():
        assert one.unit
        assert one.evidence["source"]
        assert one.value
    assert found["levels.conductance_uS"].unit == "uS"
    assert found["levels.conductance_uS"].used == "emulated"


def test_units_follow_the_reference_and_sections_that_nothing_uses_say_so() -> None:
    assert of("charan-65nm")["programming.sigma"].unit == "of own G"
    assert of("milo-hfo2")["programming.sigma"].unit == "uS"
    assert of("neurram-130nm-aihwkit")["relaxation.aged[2].time_s"].unit == "s"
    assert of("neurram-130nm-aihwkit")["read_noise.absolute_uS.value"].unit == "uS"
    data = json.loads(presets.load("ideal").to_json())
    evidence = data["levels"]["evidence"]
    data["programming_cost"] = {"pulses": 8.5, "pulse_width_ns": 100.0, "energy_pJ": 3.0, "evidence": evidence}
    data["read_disturb"] = {"relative_change_per_read": 1e-6, "evidence": evidence}
    rows = {one.path: one for one in numbers(DeviceProfile.from_dict(data).model_dump(exclude_none=True))}
    assert [(rows[f"programming_cost.{key}"].unit, rows[f"programming_cost.{key}"].used)
            for key in ("pulses", "pulse_width_ns", "energy_pJ")] == [
        ("pulses", DOCUMENTATION), ("ns", DOCUMENTATION), ("pJ", DOCUMENTATION)]
    assert rows["read_disturb.relative_change_per_read"].used == "rram array"


def test_show_prints_and_draws(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    code, result, err = run(capsys, "show", "neurram-130nm-aihwkit", "--plot", str(picture))
    assert code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert {one["path"] for one in result["numbers"]} == set(of("neurram-130nm-aihwkit"))
    assert "rram profile at" in err
    assert "[2] ours" in err


def test_the_macro_of_the_same_name_is_shown_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, result, err = run(capsys, "show", "weinstock-40nm")
    assert (code, result["macro"]["macro"]["dac_bits"]) == (0, 2)
    assert "Macro weinstock-40nm: A macro of the class" in err
    assert "macro" not in run(capsys, "show", "ideal")[1]
    assert [one["name"] for one in run(capsys, "list")[1]["macros"]] == presets.macro_names()


def test_rows_of_a_level_are_those_of_the_closed_form() -> None:
    row = level_spreads(presets.load("charan-65nm"))[3]
    s = np.sqrt(np.log1p(0.25))
    known = lognorm.ppf([0.05, 0.25, 0.5, 0.75, 0.95], s, scale=row.target * np.exp(-s**2 / 2))
    np.testing.assert_allclose(row.quantiles, known, rtol=1e-9)
    assert (row.mean, row.sd, row.read_noise) == pytest.approx((row.target, row.target / 2, 0.02 * row.target))


def test_the_share_nearer_to_another_level_is_that_of_normals() -> None:
    profile = presets.load("milo-hfo2")
    sigma = np.array(profile.programming.sigma)  # type: ignore[union-attr]
    beyond = norm.cdf(-21.875 / 2 / sigma)
    sides = np.array([1, *[2] * 7, 1])
    assert nearer_to_another(profile) == pytest.approx(float(np.mean(beyond * sides)), rel=1e-6)
    assert nearer_to_another(presets.load("ideal")) == 0


def test_diff_of_the_two_readings_of_neurram(capsys: pytest.CaptureFixture[str]) -> None:
    code, result, err = run(capsys, "diff", "neurram-130nm", "neurram-130nm-aihwkit")
    assert (code, result["same"]) == (0, False)
    row = next(row for row in result["spread"] if row["conductance_uS"] == 20)
    assert (round(row["a_sd_uS"], 2), round(row["b_sd_uS"], 2)) == (2.36, 2.02)  # as published by both
    assert row["ratio"] == pytest.approx(row["b_sd_uS"] / row["a_sd_uS"])
    differing = {one["field"] for one in result["fields"] if not one["same"]}
    assert {"relaxation", "validity", "read noise"} <= differing
    assert "levels" not in differing
    assert "What differs" in err


def test_diff_of_technologies_without_a_common_conductance(capsys: pytest.CaptureFixture[str]) -> None:
    code, result, _ = run(capsys, "diff", "neurram-130nm", "milo-hfo2")
    assert (code, result["spread"]) == (0, [])
    last = result["spread_of_range"][-1]
    assert last["range_percent"] == 100
    assert last["b_sd_percent"] == pytest.approx(100 * (4.782321 - 0.009107 * 225) / 175)


def test_diff_of_a_profile_with_itself(capsys: pytest.CaptureFixture[str]) -> None:
    code, result, err = run(capsys, "diff", "charan-65nm", "charan-65nm")
    assert (code, result["same"]) == (0, True)
    assert err == "nothing differs but names and texts\n"
    with pytest.raises(SystemExit) as end:
        main(["profile", "diff", "charan-65nm", "nope"])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith("rram: profile nope: no such file, and not a preset (")
