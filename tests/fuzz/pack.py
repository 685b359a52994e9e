"""Bundles as parts that can be changed, and small ones of every kind to start from."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from firmware_py.container import DTYPES
from tests.firmware_py.make_bundle import CONV, DENSE, INTEGERS, MOBILE, RESNET, Synthetic, contents, write

SMALL = {"levels": 2, "rows": 8}


@dataclass
class Parts:
    """A bundle taken apart: metadata, and for each tensor its entry in the header; all bytes of the tensors."""

    metadata: dict[str, Any]
    entries: dict[str, Any]
    body: bytes

    @staticmethod
    def of(data: bytes) -> Parts:
        """Take a whole file apart."""
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])
        return Parts(header.pop("__metadata__"), header, data[8 + size :])

    def join(self, sign: bool = True) -> bytes:
        """The file; `sign`: with the digest that it should have, so that the parts behind the check are reached."""
        if sign:
            self.metadata["digest"] = self.digest()
        text = json.dumps({"__metadata__": self.metadata, **self.entries}).encode()
        return len(text).to_bytes(8, "little") + text + self.body

    def digest(self) -> str:
        """As docs/bundle.md says, written a second time: from the bytes, without NumPy."""
        h = hashlib.sha256()
        for key in sorted(self.metadata.keys() - {"digest"}):
            h.update(key.encode(errors="replace") + b"\0" + str(self.metadata[key]).encode(errors="replace") + b"\0")
        for name in sorted(self.entries):
            entry = self.entries[name]
            try:
                low, high = entry["data_offsets"]
                head = f"{name}\0{entry['dtype']}\0{json.dumps(entry['shape'])}\0"
                h.update(head.encode() + self.body[low:high])
            except (TypeError, KeyError, ValueError):
                return "no digest"
        return h.hexdigest()

    def array(self, name: str) -> np.ndarray | None:
        """A copy of a tensor's values; None if the header no longer describes any."""
        try:
            entry = self.entries[name]
            low, high = entry["data_offsets"]
            return np.frombuffer(self.body[low:high], DTYPES[entry["dtype"]]).copy()
        except (TypeError, KeyError, ValueError):
            return None

    def put(self, name: str, values: np.ndarray) -> None:
        """Other values of the same size."""
        low, high = self.entries[name]["data_offsets"]
        self.body = self.body[:low] + values.tobytes() + self.body[high:]


@cache
def seeds() -> tuple[bytes, ...]:
    """A bundle of each kind: dense, convolutions with stuck cells, branches, groups and activations, integers, codes in
    SRAM, low rank."""
    codes = {"value_bits": 8, "number_bits": 16, "layers": {
        name: {"value": -8, "gain": -12, "offset": -12} for name in ("fc1", "fc2")}}  # fmt: skip
    low = {"value_bits": 32, "number_bits": 32, "layers": {"fc1": {"rank": 2}, "fc2": {"rank": 1}}}
    recipes: list[tuple[Synthetic, Any]] = [
        (Synthetic(nodes=DENSE, input_shape=(4, 4, 1), **SMALL), None),
        (Synthetic(nodes=CONV, faults=(2**24, 2**25, 0, 9000), **SMALL), None),
        (Synthetic(nodes=RESNET, **SMALL), None),
        (Synthetic(nodes=MOBILE, input_shape=(8, 8, 2), **SMALL), None),
        (Synthetic(nodes=INTEGERS, dac_bits=4, **SMALL), None),
        (Synthetic(nodes=DENSE, input_shape=(4, 4, 1), **SMALL), codes),
        (Synthetic(nodes=DENSE, input_shape=(4, 4, 1), **SMALL), low),
    ]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for i, (spec, correction) in enumerate(recipes):
            metadata, tensors = contents(spec)
            tensors["calibration.x"] = tensors["calibration.x"][:2]
            if correction is not None:
                metadata["correction"] = json.dumps(correction)
            write(Path(folder) / str(i), metadata, tensors)
            found.append((Path(folder) / str(i)).read_bytes())
    return tuple(found)
