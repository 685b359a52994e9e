"""Component tables: every number has its evidence, and a wrong document is refused in one line."""

import json

import pytest

from device_models.cost import Components, names
from device_models.errors import ProfileError


def document():
    return json.loads(json.dumps(Components.load("65nm").model_dump(mode="json")))


def write(tmp_path, data):
    path = tmp_path / "parts.json"
    path.write_text(json.dumps(data))
    return path


@pytest.mark.parametrize("name", ["40nm", "65nm"])
def test_the_packages_own_tables_load_and_say_where_each_number_comes_from(name):
    assert names() == ["40nm", "65nm"]
    parts = Components.load(name)
    assert parts.name == name
    assert len(dict(parts.numbers())) == 23
    for key, number in parts.numbers():
        assert number.evidence.source, key
        assert number.evidence.note, key


@pytest.mark.parametrize("node", [40, 65])
def test_the_numbers_of_the_table_follow_from_what_their_notes_say(node):
    value = {key: number.value for key, number in Components.load(f"{node}nm").numbers()}
    core_um2 = 1270 * 256 / 0.28  # NeuRRAM, 130 nm
    expected = {
        "rram_cell_um2": 48 * (node / 1000) ** 2,
        "sram_bit_um2": {40: 0.242, 65: 0.57}[node],
        "sram_array_share": 70 * 2**20 * 0.57 / 110e6,
        "sram_access_pJ_per_bit": 10 / 64 * node / 45,
        "dac_um2": 240 * (node / 65) ** 2,
        "dac_pJ": 0.0375 * node / 65,
        "adc_um2": 1500 * (node / 32) ** 2,
        "adc_pJ": 3.1e-3 / 1.2e9 * 1e12 * node / 32,
        "line_driver_um2": 0.21 * core_um2 / 768 * (node / 130) ** 2,
        "accumulator_um2": 60 * (node / 32) ** 2,
        "accumulator_pJ": 0.021 * node / 32,
        "mac_um2": (6350 + 278) * (node / 40) ** 2,
        "mac_pJ": (3.7 + 0.9) * node / 45,
        "mac8_um2": 709.6 * (node / 45) ** 2 + 278 * (node / 40) ** 2,
        "mac8_pJ": (0.2 + 0.1) * node / 45,
        "other_share": 1 - 0.28 - 0.21 - 0.12,
    }
    for key, number in expected.items():
        assert value[key] == pytest.approx(number, rel=4e-3), key


def test_a_file_is_read_as_well(tmp_path):
    assert Components.load(write(tmp_path, document())) == Components.load("65nm")


@pytest.mark.parametrize(("key", "value", "message"), [
    ("rram_cell_um2", -1.0, r"rram_cell_um2.value: -1.0 is not > 0"),
    ("adc_pJ", float("inf"), "adc_pJ.value: inf is not a finite number"),
    ("other_share", 1.0, "other_share: 1 is not a share, > 0 and < 1"),
    ("columns_per_adc", 2.5, "columns_per_adc: 2.5 is not a whole number"),
])  # fmt: skip
def test_a_wrong_number_is_one_line(tmp_path, key, value, message):
    data = document()
    data[key]["value"] = value
    with pytest.raises(ProfileError) as caught:
        Components.load(write(tmp_path, data))
    assert "\n" not in str(caught.value)
    assert message.split(" is not a finite")[0] in str(caught.value)


def test_a_number_without_evidence_is_refused(tmp_path):
    data = document()
    data["mac_pJ"] = 3.0
    with pytest.raises(ProfileError, match="mac_pJ"):
        Components.load(write(tmp_path, data))
    del data["mac_pJ"]
    with pytest.raises(ProfileError, match="mac_pJ: missing"):
        Components.load(write(tmp_path, data))


def test_an_unknown_key_is_refused(tmp_path):
    with pytest.raises(ProfileError, match="speed"):
        Components.load(write(tmp_path, {**document(), "speed": 1}))


def test_a_missing_file_names_the_tables_that_there_are(tmp_path):
    with pytest.raises(ProfileError, match=r"no such file, and none of the package's own \(40nm, 65nm\)$"):
        Components.load(tmp_path / "7nm")
