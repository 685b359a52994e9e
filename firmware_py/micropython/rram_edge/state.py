"""The correction on disk: two slots, checksum, generation; the very files of firmware_py/state.py, read by both.

A save writes the older slot by way of a temporary file; the newer one is never touched.
"""

import hashlib
import os
import struct
from array import array

from rram_edge.bundle import hexadecimal
from rram_edge.errors import RramError

SLOTS = ("state.a", "state.b")
HEAD = "<8sIIQQQ32s"
CODES = {"f": 1, "d": 2, "q": 3}
BLOCK = 512


def arrays(chip) -> list:
    """(name, typecode, buffer, shape) of all that is saved, in the file's order."""
    found: list = []
    for layer in chip.layers:
        if layer.node.integer:
            continue
        for key in ("gain", "offset", "value"):
            found.append((layer.name + "." + key, "f", getattr(layer, key), (len(getattr(layer, key)),)))
        found.append((layer.name + ".ms", "d", layer.ms, (len(layer.ms),)))
        if layer.rank:
            found.append((layer.name + ".a", "f", layer.a, (layer.k, layer.rank)))
            found.append((layer.name + ".b", "f", layer.b, (layer.rank, layer.n)))
    return found + [("counters", "q", array("q", [chip.step, chip.read]), (2,))]


def save(chip, folder: str) -> int:
    """Write the older slot; returns the new generation."""
    slots = [_look(chip, folder + "/" + name)[0] for name in SLOTS]
    generation = max(slots) + 1
    path = folder + "/" + SLOTS[1 if slots[0] > slots[1] else 0]
    records = [_record(name, code, shape) for name, code, _, shape in arrays(chip)]
    size = struct.calcsize(HEAD) + 32
    for record, (name, code, buffer, _) in zip(records, arrays(chip)):
        if any(value - value != 0 for value in buffer):
            raise RramError(f"state: {name} is not finite; not saved, the state saved last stays")
        size += len(record) + len(buffer) * (4 if code == "f" else 8)
    digest = bytes([int(chip.bundle.digest[i : i + 2], 16) for i in range(0, 64, 2)])
    try:
        with open(path + ".tmp", "wb") as file:
            h = hashlib.sha256()
            parts = [struct.pack(HEAD, b"RRAMSRAM", 1, len(records), size, generation, chip.seed, digest)]
            for record, (_, _, buffer, _) in zip(records, arrays(chip)):
                parts += [record, buffer]
            for part in parts:
                h.update(part)
                file.write(part)
            file.write(h.digest())
            file.flush()
        _replace(path + ".tmp", path)
    except OSError as error:
        raise RramError(f"state: cannot save in {folder}: {error}; the state saved last stays")
    return generation


def _record(name: str, code: str, shape: tuple) -> bytes:
    text, sizes = name.encode(), [struct.pack("<I", count) for count in shape]
    return struct.pack("<H", len(text)) + text + bytes([CODES[code], len(shape)]) + b"".join(sizes)


def _replace(temporary: str, path: str) -> None:
    if hasattr(os, "sync"):
        os.sync()
    try:
        os.rename(temporary, path)
    except OSError:  # FAT renames onto nothing; the slot in the way is the older one
        os.remove(path)
        os.rename(temporary, path)
    if hasattr(os, "sync"):
        os.sync()


def restore(chip, folder: str) -> int:
    """Take over the newest whole slot; 0 where there is none and never was one."""
    looks = [_look(chip, folder + "/" + name) for name in SLOTS]
    generation = max(look[0] for look in looks)
    if generation == 0:
        damaged = [look[1] for look in looks if look[1]]
        if damaged:
            raise RramError(f"state: no valid state left ({'; '.join(damaged)}); remove {folder} to start afresh")
        return 0
    path = folder + "/" + SLOTS[0 if looks[0][0] == generation else 1]
    with open(path, "rb") as file:
        file.seek(struct.calcsize(HEAD))
        for name, code, buffer, shape in arrays(chip):
            expected = _record(name, code, shape)
            if file.read(len(expected)) != expected:
                raise RramError(f"state: {path}: expected {name} with {len(buffer)} numbers")
            file.readinto(buffer)
            if name == "counters":
                chip.step, chip.read = buffer
    return generation


def _look(chip, path: str) -> tuple:
    """(generation, "") of a whole slot, (0, "") where there is none, (0, what is wrong) of a damaged one."""
    head_size = struct.calcsize(HEAD)
    try:
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(head_size)
            h = hashlib.sha256(head)
            left = size - head_size - 32
            while left > 0:
                part = file.read(min(BLOCK, left))
                h.update(part)
                left -= len(part)
            if size < head_size + 32 or file.read(32) != h.digest():
                return 0, f"{path} is damaged: its checksum does not match"
    except OSError as error:
        return 0, "" if error.args[0] == 2 else f"{path} cannot be read: {error}"
    magic, version, _, length, generation, seed, digest = struct.unpack(HEAD, head)
    if magic != b"RRAMSRAM" or length != size:
        return 0, f"{path} is damaged: it is no state file"
    if version != 1:
        raise RramError(f"state: {path}: format version {version} given, expected 1")
    if hexadecimal(digest) != chip.bundle.digest:
        raise RramError(f"state: {path} belongs to another bundle: digest {hexadecimal(digest)[:12]} given, "
                        f"expected {chip.bundle.digest[:12]}")  # fmt: skip
    if seed != chip.seed:
        raise RramError(f"state: {path} belongs to another chip: seed {seed} given, expected {chip.seed}")
    return generation, ""
