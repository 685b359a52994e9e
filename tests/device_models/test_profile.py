"""Profiles: what is accepted comes back unchanged, what is wrong is refused in one line that says where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from device_models import presets
from device_models.errors import ProfileError
from device_models.profile import DeviceProfile
from tests.device_models.documents import EVIDENCE, document, documents

TABLE = {"distribution": "quantiles", "reference": "absolute_uS", "probability": [0, 0.5, 1],
         "deviation": [[-1, 0, 1]] * 3, "evidence": EVIDENCE}
NOISE = {"relative": {"value": 0.02, "evidence": EVIDENCE}}
STUCK = {"probability": 0.7, "conductance_uS": 1.0, "evidence": EVIDENCE}
SPREAD = {"distribution": "normal", "reference": "absolute_uS", "sigma": 1, "evidence": EVIDENCE}
MIXTURE = {"distribution": "gaussian-mixture", "reference": "absolute_uS", "weight": [[0.5, 0.5]] * 3,
           "shift": [[0, 1]] * 3, "sigma": [[1, 2]] * 3, "evidence": EVIDENCE}
BAKE = {"temperature_C": 200, "mean_shift_uS": [0, 0, 0], "sd_uS": [1, 1, 1]}


def aged(*times: float, **spread: Any) -> dict[str, Any]:
    """A relaxation document."""
    return {"aged": [{"time_s": time, "spread": {**SPREAD, **spread}} for time in times], "evidence": EVIDENCE}


ABSENT = object()

# (path of the key, value put there, the line after "profile: ")
WRONG: list[tuple[str, Any, str]] = [
    ("programming.sigma", -0.5, "programming.sigma: -0.5 is not >= 0"),
    ("programming.sigma", [1, -1, 1], "programming.sigma[1]: -1 is not >= 0"),
    ("programming.sigma", [1, 1], "programming.sigma: 2 values is not 3, one per level"),
    ("programming.sigma", float("nan"), "programming.sigma: nan is not a finite number"),
    ("programming.sigma", float("inf"), "programming.sigma: inf is not a finite number"),
    ("programming.sigma", 10**400, "programming.sigma: 1000000000000000000000000000000000000... is not a number"),
    ("programming.sigma", "0.5", "programming.sigma: '0.5' is not a number"),
    ("programming.sigma", True, "programming.sigma: True is not a number"),
    ("programming.sigma", ABSENT, "programming.sigma: missing"),
    ("programming.sgima", 1, "programming.sgima: unknown key (known: distribution, evidence, reference, shift, sigma)"),
    ("programming", 0.5, "programming: 0.5 alone is not a spread: give distribution, reference, sigma and evidence"),
    ("programming.reference", ABSENT, "programming.reference: missing"),
    ("programming.reference", "mean",
     "programming.reference: 'mean' is not 'own_conductance', 'full_scale' or 'absolute_uS'"),
    ("programming.distribution", ABSENT, "programming.distribution: missing"),
    ("programming.distribution", "gauss", "programming.distribution: 'gauss' is not one of 'normal', 'log-normal', "
     "'normal-log-normal-variance', 'gaussian-mixture', 'quantiles'"),
    ("programming.evidence", ABSENT, "programming.evidence: missing"),
    ("programming.evidence.source", "", "programming.evidence.source: '' is not a text (it is empty)"),
    ("programming.evidence.assumption", 1, "programming.evidence.assumption: 1 is not true or false"),
    ("programming", {**TABLE, "probability": [0, 0.5, 0.9]},
     "programming.probability: 0.0, 0.9 is not first 0, last 1"),
    ("programming", {**TABLE, "probability": [0, 0, 1]}, "programming.probability: 0 (number 2) is not > 0 (number 1)"),
    ("programming", {**TABLE, "deviation": [[0, 1, 2]] * 2}, "programming.deviation: 2 values is not 3, one per level"),
    ("programming", {**TABLE, "deviation": [[0, 1, 2]] * 2 + [[0, 1]]},
     "programming: deviation[2]: 2 values, probability has 3"),
    ("programming", {**TABLE, "deviation": [[0, 1, 0.5]] * 3},
     "programming: deviation[0]: 0.5 (number 3) is not >= 1 (number 2)"),
    ("levels.conductance_uS", [10, 20, 20], "levels.conductance_uS: 20 (number 3) is not > 20 (number 2)"),
    ("levels.conductance_uS", [10], "levels.conductance_uS: 1 level(s) is not 2 to 256"),
    ("levels.conductance_uS", [0, 1, 2], "levels.conductance_uS[0]: 0 is not > 0"),
    ("levels.conductance_uS", 3, "levels.conductance_uS: 3 is not a list"),
    ("levels", [1, 2, 3], "levels: [1, 2, 3] is not an object"),
    ("schema_version", 2, "schema_version: 2 is not 1, the version that this program reads"),
    ("schema_version", True, "schema_version: True is not 1, the version that this program reads"),
    ("schema_version", ABSENT, "schema_version: missing"),
    ("name", "a b", "name: 'a b' is not a name: letters, digits, . _ -"),
    ("read_noise", 0.02,
     "read_noise: 0.02 alone is not a read noise: say relative (to own conductance) or absolute_uS"),
    ("read_noise", {"relative": 0.02}, "read_noise.relative: 0.02 is not an object"),
    ("read_noise", {"relative": {**NOISE["relative"], "value": [0, 0]}},
     "read_noise.relative.value: 2 values is not 3, one per level"),
    ("faults", {"stuck_low": {**STUCK, "probability": 1.5}}, "faults.stuck_low.probability: 1.5 is not <= 1"),
    ("faults", {"stuck_low": STUCK, "stuck_high": STUCK},
     "faults: stuck_low and stuck_high: probabilities add up to 1.4, which is not <= 1"),
    ("programming", {**SPREAD, "shift": [0, 1]}, "programming.shift: 2 values is not 3, one per level"),
    ("programming", {**MIXTURE, "weight": [[0.5, 0.5]] * 2 + [[0.5, 0.6]]},
     "programming: weight[2]: adds up to 1.1, which is not 1"),
    ("programming", {**MIXTURE, "shift": [[0, 1]] * 2 + [[0]]},
     "programming: shift[2]: 1 values is not 2, as in weight"),
    ("programming", {**MIXTURE, "sigma": [[1, 2]] * 2},
     "programming: sigma: 2 rows is not 3, one per level as in weight"),
    ("programming", {key: row[:2] if isinstance(row, list) else row for key, row in MIXTURE.items()},
     "programming.weight: 2 values is not 3, one per level"),
    ("relaxation", aged(10, 1), "relaxation.aged: 1 (number 2) is not > 10 (number 1)"),
    ("relaxation", aged(), "relaxation.aged: no time is given, expected at least one"),
    ("relaxation", aged(0), "relaxation.aged[0].time_s: 0 is not > 0"),
    ("relaxation", aged(1, 10, sigma=[1, 2]), "relaxation.aged[0].spread.sigma: 2 values is not 3, one per level"),
    ("retention", {"bakes": [{**BAKE, "sd_uS": [1]}], "evidence": EVIDENCE},
     "retention.bakes[0].sd_uS: 1 values is not 3, one per level"),
    ("retention", {"bakes": [], "evidence": EVIDENCE}, "retention: bakes: no bake is given, expected at least one"),
    ("validity", {"time_s": [1, 0], "evidence": EVIDENCE}, "validity.time_s: 0 (upper end) is not >= 1 (lower end)"),
    ("programming_cost", {"pulses": 0, "evidence": EVIDENCE}, "programming_cost.pulses: 0 is not > 0"),
]


def changed(path: str, value: Any) -> dict[str, Any]:
    data = json.loads(json.dumps(document()))
    *parents, last = path.split(".")
    inner: dict[str, Any] = data
    for key in parents:
        inner = inner[key]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return data


@pytest.mark.parametrize(("path", "value", "line"), WRONG, ids=[f"{path}-{i}" for i, (path, _, _) in enumerate(WRONG)])
def test_a_mistake_is_one_line_with_the_path_of_the_key(path: str, value: Any, line: str) -> None:
    with pytest.raises(ProfileError) as caught:
        DeviceProfile.from_json(json.dumps(changed(path, value)))
    assert str(caught.value) == f"profile: {line}"


def test_an_unknown_key_names_the_known_ones() -> None:
    with pytest.raises(ProfileError, match=r"^profile: foo: unknown key \(known: conditions, .*, source, validity\)$"):
        DeviceProfile.from_dict(document(foo=1))


@pytest.mark.parametrize(("text", "line"), [
    ("", "not JSON: Expecting value (line 1, column 1)"),
    ('{"name": "x",\n "name": "y"}', "name: given twice"),
    ("[]", "[] is not an object"),
    ("[" * 100_000, "not JSON: nested too deeply"),
])
def test_text_that_is_no_profile(text: str, line: str) -> None:
    with pytest.raises(ProfileError) as caught:
        DeviceProfile.from_json(text)
    assert str(caught.value).startswith(f"profile: {line}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_profile_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "mine.json"
    wrong.write_text(json.dumps(changed("programming.sigma", -1)))
    binary = tmp_path / "binary.json"
    binary.write_bytes(b"\xff\xfe\x00")
    for path, line in (
        (wrong, f"profile {wrong}: programming.sigma: -1 is not >= 0"),
        (binary, f"profile {binary}: not a text file (UTF-8)"),
        (tmp_path, f"profile {tmp_path}: Is a directory"),
        (tmp_path / "absent",
         f"profile {tmp_path / 'absent'}: no such file, and not a preset ({', '.join(presets.names())})"),
    ):
        with pytest.raises(ProfileError) as caught:
            DeviceProfile.load(path)
        assert str(caught.value) == line


@given(documents())
def test_any_profile_comes_back_from_its_own_json(data: dict[str, Any]) -> None:
    profile = DeviceProfile.from_dict(data)
    assert DeviceProfile.from_json(profile.to_json()) == profile
    assert DeviceProfile.from_json(json.dumps(data)) == profile


def test_a_file_comes_back(tmp_path: Path) -> None:
    profile = presets.load("charan-65nm")
    path = tmp_path / "copy.json"
    path.write_text(profile.to_json(), encoding="utf-8")
    assert DeviceProfile.load(path) == profile == DeviceProfile.load("charan-65nm")


def test_a_profile_does_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        presets.load("ideal").levels.conductance_uS = (1.0, 2.0)
