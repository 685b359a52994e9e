"""The one line that refuses a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tools.errors import HostError
from host_tools.importers import load


def line(path: Path, pixels: tuple[float, float] | None = None) -> str:
    """The one line that refuses a file, without the path before it."""
    with pytest.raises(HostError) as error:
        load(path, pixels)
    text = str(error.value)
    assert "\n" not in text and text.startswith(f"{path}: ") and len(text) < 1500
    return text.removeprefix(f"{path}: ")
