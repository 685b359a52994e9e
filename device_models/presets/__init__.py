"""Profiles that travel with the package. A preset is a JSON file beside this one: adding a preset is adding a file."""

from __future__ import annotations

from importlib.resources import files

from device_models.errors import ProfileError
from device_models.profile import DeviceProfile


def names() -> list[str]:
    """Names of the presets, sorted."""
    entries = (entry.name for entry in files(__name__).iterdir())
    return sorted(name.removesuffix(".json") for name in entries if name.endswith(".json"))


def load(name: str) -> DeviceProfile:
    """The preset `name`; ProfileError with the known names otherwise."""
    if name not in names():
        raise ProfileError(f"profile {name}: not a preset ({', '.join(names())})")
    text = files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8")
    return DeviceProfile.from_json(text, f"profile {name}")
