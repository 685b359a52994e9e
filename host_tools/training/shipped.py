"""The trained networks that travel with the package, and how they get there from a workshop."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from host_tools.errors import HostError
from host_tools.record import load_model, read_record, save_model, sha256
from host_tools.training.workshop import SHIPPED, Workshop

MOST_BYTES = 1_000_000
REPRODUCED = SHIPPED / "reproduced.json"  # host_tools.reproduce.shown, of the runs that docs/reproduction.md is made of


@dataclass(frozen=True)
class Shipped:
    """A network of the package by its name, `<recipe>-<teacher, student, ...>`, and what its training wrote down.

    reproduced: its row of docs/reproduction.md, on test images: row, mean, std, least, chips; None: it has none there.
    """

    name: str
    path: Path
    record: dict[str, Any]
    reproduced: dict[str, Any] | None = None

    @property
    def figures(self) -> dict[str, float | None]:
        """What the training printed, in per cent of validation images: of the network, of its chips without help."""
        chips = self.record.get("validation_on_chips") or []
        return {
            "validation": self.record.get("validation_accuracy"),
            "chips": len(chips),
            "chips_mean": float(np.mean(chips)) if chips else None,
            "chips_std": float(np.std(chips, ddof=1)) if len(chips) > 1 else None,
            "chips_min": float(min(chips)) if chips else None,
        }


def shipped() -> Iterator[Shipped]:
    """Every network of the package."""
    rows = json.loads(REPRODUCED.read_text(encoding="utf-8"))
    for path in sorted(SHIPPED.glob("*.keras")):
        yield Shipped(path.stem, path, read_record(path), rows.get(path.stem))


def find(name: str) -> Shipped:
    """The network of this name; HostError with the names there are."""
    known = {one.name: one for one in shipped()}
    if name not in known:
        raise HostError(f"zoo: {name!r} is unknown, expected one of {', '.join(known)}")
    return known[name]


def ship(shop: Workshop, folder: Path = SHIPPED) -> list[Path]:
    """Put a workshop's teacher and students into `folder`, trained now where they are not kept; the paths.

    A student's record names the teacher as it is called there. Weights of a file over 1 MB are rounded to half
    precision. HostError where it is still over 1 MB.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe = shop.recipe
    made = {"teacher": shop.teacher()} | {name: shop.student(name) for name in ("student", *recipe.more)}
    out: list[Path] = []
    for name, source in made.items():
        target = folder / f"{recipe.name}-{name}.keras"
        record = read_record(source)
        record["trained_on"] = {"fingerprint": shop.data.fingerprint, "labels": shop.data.labels}
        if name != "teacher":
            record["teacher"] = {"file": out[0].name, "sha256": sha256(out[0])}
        if not target.exists() or not _same(record, read_record(target)):
            model = load_model(source)
            if source.stat().st_size > MOST_BYTES:
                record["weights"] = "float16"
                model.set_weights([_halved(w) for w in model.get_weights()])
            save_model(model, target, record)
            deflate(target)
        if target.stat().st_size > MOST_BYTES:
            raise HostError(f"{target}: {target.stat().st_size:,} bytes, the package carries at most {MOST_BYTES:,}")
        out.append(target)
    return out


def _halved(w: NDArray[Any]) -> NDArray[Any]:
    """Floats rounded to half precision, in their own type; others as they are."""
    return w.astype(np.float16).astype(w.dtype) if w.dtype == np.float32 else w


def deflate(path: Path) -> None:
    """Compress the members of a .keras file, which Keras stores as they are and reads either way."""
    with zipfile.ZipFile(path) as source:
        members = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name, data in members.items():
            target.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data, zipfile.ZIP_DEFLATED, 9)


def _same(record: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(record.get(key) == other.get(key) for key in ("key", "teacher", "trained_on"))
