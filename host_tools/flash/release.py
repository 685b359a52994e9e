"""A release: what goes to a board in one piece, and the name it has there."""

from __future__ import annotations

import hashlib
import importlib.resources
import io
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware_py.bundle import Bundle
from host_tools.flash.wheel import EPOCH, Wheel

INSTALLER = "install.pyz"
INSTALLER_MAIN = "import sys\n\nfrom on_board.install import main\n\nsys.exit(main(sys.argv))\n"
RUN_BY_COMMAND = ("look.py", "receive.py")  # these travel in the ssh command itself


@dataclass(frozen=True)
class Release:
    """Files by name; `id` is a digest over wheel, bundle and installer, so the same content has the same id."""

    id: str
    files: dict[str, bytes]
    manifest: dict[str, Any]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(data) for data in self.files.values())


def make_release(bundle: Bundle, wheel: Wheel) -> Release:
    """The release of a verified bundle and the board's wheel; manifest.json is its last file."""
    name = re.sub(r"[^\w.-]", "_", bundle.path.name).lstrip(".-") or "bundle.safetensors"
    files = {wheel.name: wheel.data, name: bundle.path.read_bytes(), INSTALLER: installer()}
    sums = {key: hashlib.sha256(data).hexdigest() for key, data in files.items()}
    identity = "\0".join((wheel.digest, name, sums[name], sums[INSTALLER]))
    release_id = hashlib.sha256(identity.encode()).hexdigest()[:16]
    manifest = {
        "id": release_id,
        "wheel": wheel.name,
        "pure": wheel.pure,
        "bundle": name,
        "digest": bundle.digest,
        "files": {key: {"sha256": sums[key], "size": len(data)} for key, data in files.items()},
    }
    files["manifest.json"] = (json.dumps(manifest, indent=2) + "\n").encode()
    return Release(release_id, files, manifest)


def script(name: str) -> str:
    """Source text of one of the scripts in on_board/."""
    return importlib.resources.files("host_tools.flash").joinpath("on_board", name).read_text()


def installer() -> bytes:
    """on_board/ as one file that any Python runs (a zip application); the same sources give the same bytes."""
    folder = Path(str(importlib.resources.files("host_tools.flash").joinpath("on_board")))
    sources = {f"on_board/{p.name}": p.read_text() for p in folder.glob("*.py") if p.name not in RUN_BY_COMMAND}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:  # stored: the bytes do not depend on zlib's version
        for name, text in sorted({**sources, "__main__.py": INSTALLER_MAIN}.items()):
            file.writestr(zipfile.ZipInfo(name, EPOCH), text)
    return out.getvalue()
