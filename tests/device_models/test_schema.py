"""The published JSON Schemas are in step with the classes, and another validator agrees with ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from device_models import presets, schema
from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from tests.device_models.documents import EVIDENCE, document, documents

jsonschema = pytest.importorskip("jsonschema", reason="the dev extra has it")


def valid(name: str, data: Any) -> bool:
    return bool(jsonschema.Draft202012Validator(json.loads(schema.published(name))).is_valid(data))


def plain(node: Any) -> Any:
    """A schema without what older pydantic says twice: an enum of one beside a const, an allOf of one reference."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    inner = {key: plain(value) for key, value in node.items() if not (key == "enum" and "const" in node)}
    if len(inner.get("allOf", ())) == 1:
        inner.update(inner.pop("allOf")[0])
    return inner


@pytest.mark.parametrize("name", schema.DOCUMENTS)
def test_the_files_are_in_step(name: str) -> None:
    published = json.loads(schema.published(name))
    assert plain(published) == plain(schema.generate(name)), "run: python -m device_models.schema"
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.published(name)))


@pytest.mark.parametrize("name", presets.names())
def test_presets_are_valid(name: str) -> None:
    assert valid("device-profile", json.loads(presets.load(name).to_json()))


@settings(max_examples=30)
@given(documents())
def test_every_profile_we_accept_is_valid(data: dict[str, Any]) -> None:
    assert valid("device-profile", data)
    assert valid("device-profile", json.loads(DeviceProfile.from_dict(data).to_json()))


def test_macros_are_valid() -> None:
    assert valid("macro-config", json.loads(MacroConfig(rows=64, adc_bits=6).to_json()))
    assert valid("macro-config", json.loads(MacroConfig(pairing="offset", wire_resistance_ohm=2.0).to_json()))
    assert valid("macro-config", {})


@pytest.mark.parametrize("parts", [
    {"foo": 1},
    {"schema_version": 2},
    {"programming": 0.5},
    {"programming": {"distribution": "normal", "sigma": 0.5, "evidence": EVIDENCE}},
    {"programming": {"distribution": "normal", "reference": "absolute_uS", "sigma": -0.5, "evidence": EVIDENCE}},
    {"levels": {"conductance_uS": [0, 1], "evidence": EVIDENCE}},
    {"read_noise": {"relative": 0.02}},
])
def test_both_refuse(parts: dict[str, Any]) -> None:
    assert not valid("device-profile", document(**parts))
    with pytest.raises(ProfileError):
        DeviceProfile.from_dict(document(**parts))


@pytest.mark.parametrize("data", [{"pairing": "both"}, {"rows": 4097}, {"dac_bits": 0}, {"x": 1}])
def test_both_refuse_macros(data: dict[str, Any]) -> None:
    assert not valid("macro-config", data)
    with pytest.raises(ProfileError):
        MacroConfig.from_dict(data)
