"""JSON Schemas of the documents, published with the package. `python -m device_models.schema` writes the files anew."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

from device_models.macro import MacroConfig
from device_models.profile import DeviceProfile
from device_models.validation import Document

DOCUMENTS: dict[str, type[Document]] = {"device-profile": DeviceProfile, "macro-config": MacroConfig}


def generate(name: str) -> dict[str, Any]:
    """The schema of `name` ("device-profile" or "macro-config"), from the classes."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **DOCUMENTS[name].model_json_schema()}


def render(name: str) -> str:
    """The same as the text of its file."""
    return json.dumps(generate(name), indent=2, sort_keys=True) + "\n"


def published(name: str) -> str:
    """The text of the file that travels with the package."""
    return files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8")
