"""The bundle: a safetensors file, read tensor by tensor (docs/bundle.md). The whole file is never in memory."""

import hashlib
import json
from array import array

from rram_edge.errors import RramError

TYPES = {"U8": "B", "I8": "b", "U16": "H", "I32": "i", "U32": "I", "F32": "f", "F64": "d"}
BYTES = {"B": 1, "b": 1, "H": 2, "h": 2, "i": 4, "I": 4, "f": 4, "d": 8, "q": 8}
BLOCK = 1024  # bytes of the file in memory at once while its digest is computed
MAX_HEADER = 1 << 20
# of the macro, what is carried here; an effect besides is refused where it is on
MACRO = ("schema_version", "pairing", "rows", "cols", "rows_active", "dac_bits", "adc_bits")


class Zeros:
    """n zeros of known length: an array is made of them without a copy of its bytes beside it."""

    def __init__(self, n: int):
        self.n = n

    def __len__(self) -> int:
        return self.n

    def __iter__(self):
        for _ in range(self.n):
            yield 0


def zeros(code: str, n: int) -> array:
    """An array of n zeros."""
    return array(code, bytes(n * BYTES[code]) if n < 1024 else Zeros(n))


def hexadecimal(data: bytes) -> str:
    """Lower-case digits; not every port has bytes.hex()."""
    return "".join([f"{byte:02x}" for byte in data])


class Bundle:
    """Header and metadata of a file whose digest is right; tensors are read when they are asked for."""

    def __init__(self, path: str):
        self.path = path
        try:
            with open(path, "rb") as file:
                self.size = file.seek(0, 2)
                file.seek(0)
                self._read_header(file)
                self._check_digest(file)
        except OSError as error:
            raise self.fail(f"cannot be read: {error}")
        self.graph = self.document("graph")["nodes"]
        self.macro = self.document("macro")
        for key, value in self.macro.items():
            if value and key not in MACRO:
                raise self.fail(f"macro.{key}: {value} given, expected none here (docs/micropython.md)")
        for name in ("profile.drift", "profile.disturb"):
            if name in self.header:
                raise self.fail(f"{name}: given, expected none here: cells do not age (docs/micropython.md)")
        self.shape = tuple(self.document("input")["shape"])
        self.golden = self.document("golden")
        self.classes = self.document("classes")

    def fail(self, text: str) -> RramError:
        """The error for something in this file."""
        return RramError(f"{self.path}: {text}")

    def _read_header(self, file) -> None:
        size = int.from_bytes(file.read(8), "little")
        if not 0 < size <= min(MAX_HEADER, self.size - 8):
            raise self.fail(f"header length {size} does not fit a file of {self.size} bytes (not a bundle?)")
        try:
            self.header = json.loads(file.read(size))
            self.metadata = self.header.pop("__metadata__")
        except (ValueError, KeyError, AttributeError):
            raise self.fail("the header is not valid JSON with __metadata__ (not a bundle, or damaged)")
        self.start = 8 + size
        given = self.metadata.get("format"), self.metadata.get("version")
        if given != ("rram-edge", "1"):
            raise self.fail(f"format, version: {given} given, expected ('rram-edge', '1')")

    def _check_digest(self, file) -> None:
        """SHA-256 over metadata and tensors, in sorted order; so shapes and types need no distrust afterwards."""
        h = hashlib.sha256()
        for key in sorted(self.metadata):
            if key != "digest":
                h.update(key.encode() + b"\0" + self.metadata[key].encode() + b"\0")
        block = bytearray(BLOCK)
        for name in sorted(self.header):
            entry = self.header[name]
            h.update("\0".join([name, entry["dtype"], json.dumps(entry["shape"]), ""]).encode())
            low, high = entry["data_offsets"]
            if not 0 <= low <= high <= self.size - self.start:
                raise self.fail(f"{name}: bytes {low}..{high} given, the file has {self.size} (truncated?)")
            file.seek(self.start + low)
            while low < high:
                part = memoryview(block)[: min(BLOCK, high - low)]
                low += file.readinto(part)
                h.update(part)
        self.digest = hexadecimal(h.digest())
        given = self.metadata.get("digest")
        if self.digest != given:
            raise self.fail(f"digest: {given} given, expected {self.digest} (damaged file)")

    def forget(self) -> None:
        """Drop what is only needed while a chip is made; the header is read again when a tensor is asked for."""
        self.header, self.metadata, self.graph = {}, {}, []

    def document(self, key: str):
        """A metadata value that is JSON."""
        try:
            return json.loads(self.metadata[key])
        except (KeyError, ValueError):
            raise self.fail(f"{key}: missing, or not valid JSON")

    def place(self, name: str, code: str, shape: tuple) -> tuple:
        """Offset in the file and number of elements of a tensor; -1 in `shape` fits any length."""
        if not self.header:
            with open(self.path, "rb") as file:
                self._read_header(file)
        entry = self.header.get(name)
        given = None if entry is None else (entry["dtype"], entry["shape"])
        fits = given is not None and given[0] == code and len(given[1]) == len(shape)
        if not fits or any(b not in (-1, a) for a, b in zip(entry["shape"], shape)):
            raise self.fail(f"{name}: {given} given, expected {code} {list(shape)} (-1: any)")
        low, high = entry["data_offsets"]
        count = 1
        for n in entry["shape"]:
            count *= n
        if high - low != count * BYTES[TYPES[code]]:
            raise self.fail(f"{name}: {high - low} bytes given, expected {count} elements of {code}")
        return self.start + low, count

    def images(self, name: str):
        """The images of a uint8 tensor, one after the other, in one buffer."""
        size = 1
        for n in self.shape:
            size *= n
        at, count = self.place(name, "U8", (-1,) + self.shape)
        image = bytearray(size)
        with open(self.path, "rb") as file:
            for i in range(count // size):
                file.seek(at + i * size)
                file.readinto(image)
                yield image

    def tensor(self, name: str, code: str, shape: tuple) -> array:
        """A whole tensor, flat."""
        at, count = self.place(name, code, shape)
        values = zeros(TYPES[code], count)
        with open(self.path, "rb") as file:
            file.seek(at)
            file.readinto(values)
        return values
