"""Profiles and macros that travel with the package.

A preset is a JSON file beside this one (macros: in the folder `macros`): adding a preset is adding a file.
"""

from __future__ import annotations

from importlib.resources import files

from device_models.errors import ProfileError
from device_models.macro import MacroConfig
from device_models.parts import Evidence
from device_models.profile import DeviceProfile
from device_models.validation import Document, Text, Version, parse


class MacroPreset(Document):
    """A macro with its source; `evidence` by the keys of `macro` that it speaks of."""

    schema_version: Version
    name: Text
    description: Text
    source: Text
    licence: Text
    macro: MacroConfig
    evidence: dict[str, Evidence]


def names() -> list[str]:
    """Names of the profile presets, sorted."""
    return _json_files()


def load(name: str) -> DeviceProfile:
    """The profile preset `name`; ProfileError with the known names otherwise."""
    if name not in names():
        raise ProfileError(f"profile {name}: not a preset ({', '.join(names())})")
    text = files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    return DeviceProfile.from_json(text, f"profile {name}")


def macro_names() -> list[str]:
    """Names of the macro presets, sorted."""
    return _json_files("macros")


def load_macro(name: str) -> MacroPreset:
    """The macro preset `name` with its evidence; ProfileError with the known names otherwise."""
    if name not in macro_names():
        raise ProfileError(f"macro {name}: not a preset ({', '.join(macro_names())})")
    text = files(__name__).joinpath("macros", f"{name}.json").read_text(encoding="utf-8")
    return parse(MacroPreset, text, f"macro {name}")


def _json_files(*folder: str) -> list[str]:
    entries = (entry.name for entry in files(__name__).joinpath(*folder).iterdir())
    return sorted(name.removesuffix(".json") for name in entries if name.endswith(".json"))
