"""Changes of a bundle, each a function of a seeded generator: of bytes, of JSON documents, of tensors' values."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tests.fuzz.pack import Parts, seeds

NUMBERS: list[Any] = [
    0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 257, 4095, 4096, 4097, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32,
    2**53, 2**63, 2**64, 10**30, -1, -2, -(2**31), 0.5, 1e-300, 1e300, float("inf"), float("nan"), True, False, None,
]  # fmt: skip
TEXTS = ["", "a", "\ud800", "\x1b[2J", "two\nlines", "\0", "x" * 300, "conv2d", "dense", "relu", "add", "flatten",
         "maxpool2d", "avgpool2d", "thresholds", "rename", "same", "valid", "fc", "conv1", "../../etc/passwd",
         "U8", "I32", "F32", "F64"]  # fmt: skip
VALUES = [0, 1, -1, 2, 255, 256, 32767, -32768, 65535, 2**31 - 1, -(2**31), 1e-45, 1e-12, 1e12, 3e38, -3e38, 1e300,
          float("inf"), float("nan")]  # fmt: skip


def mutated(number: int, seed: int) -> bytes:
    """File number `number` of the run `seed`: always the same one."""
    rng = np.random.default_rng([seed, number])
    data = seeds()[rng.integers(len(seeds()))]
    if rng.random() < 0.15:
        return _bytes(data, rng)
    parts = Parts.of(data)
    for _ in range(rng.choice([1, 1, 2, 3, 5])):
        kind = rng.random()
        if kind < 0.5:
            _document(parts, rng)
        elif kind < 0.8:
            _values(parts, rng)
        elif kind < 0.9:
            changed = _changed(parts.entries, rng)
            parts.entries = changed if isinstance(changed, dict) else parts.entries
        else:
            _resized(parts, rng)
    joined = parts.join(sign=bool(rng.random() < 0.97))
    return _bytes(joined, rng) if rng.random() < 0.02 else joined


def _pick(rng: np.random.Generator, items: list[Any]) -> Any:
    return items[int(rng.integers(len(items)))]


def _bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Bits flipped, bytes cut out, doubled, or other ones; mostly in the header, where the decisions are."""
    changed = bytearray(data)
    head = 8 + int.from_bytes(data[:8], "little")
    for _ in range(rng.choice([1, 2, 8])):
        if not changed:
            break
        most = min(head, len(changed)) if rng.random() < 0.8 else len(changed)
        at, width = int(rng.integers(most)), int(rng.choice([1, 1, 4, 100]))
        kind = rng.integers(4)
        if kind == 0:
            changed[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            del changed[at : at + width]
        elif kind == 2:
            changed[at:at] = changed[at : at + width]
        else:
            changed[at : at + width] = rng.bytes(width)
    return bytes(changed)


def _document(parts: Parts, rng: np.random.Generator) -> None:
    """One key of the metadata: mostly a change within its JSON, sometimes another text, or none."""
    key = _pick(rng, [*parts.metadata, "graph", "graph", "macro", "correction"])
    kind = rng.random()
    if kind < 0.05:
        parts.metadata.pop(key, None)
    elif kind < 0.1:
        parts.metadata[key] = _pick(rng, [*TEXTS, "[" * 5000, "[" * 300 + "]" * 300, "9" * 5000, "NaN", "{}", "[]"])
    else:
        try:
            document = json.loads(parts.metadata[key])
        except (KeyError, TypeError, ValueError, RecursionError):
            document = _pick(rng, NUMBERS)
        parts.metadata[key] = json.dumps(_changed(document, rng))


def _changed(document: Any, rng: np.random.Generator) -> Any:
    """A JSON document with one place changed, found by a walk from the top."""
    inner = isinstance(document, (dict, list)) and len(document) > 0
    if not inner or rng.random() < 0.08:
        return _replacement(document, rng)
    items = list(document.items()) if isinstance(document, dict) else list(enumerate(document))
    at = int(rng.integers(len(items)))
    kind = rng.random()
    if kind < 0.08:
        del items[at]
    elif kind < 0.16:
        items.insert(int(rng.integers(len(items) + 1)), (_pick(rng, TEXTS), _pick(rng, items)[1]))
    elif kind < 0.24 and len(items) > 1:
        other = int(rng.integers(len(items)))
        items[at], items[other] = (items[at][0], items[other][1]), (items[other][0], items[at][1])
    else:
        items[at] = (items[at][0], _changed(items[at][1], rng))
    return dict(items) if isinstance(document, dict) else [value for _, value in items]


def _replacement(value: Any, rng: np.random.Generator) -> Any:
    if type(value) is int and rng.random() < 0.5:
        return value + int(rng.choice([-1, 1, value, -value // 2]))
    deep: Any = []
    for _ in range(int(rng.choice([1, 40, 400]))):
        deep = [deep]
    return _pick(rng, [*NUMBERS, *TEXTS, [], {}, deep, [1] * 5000, [3, 3], [value], {"op": value}])


def _values(parts: Parts, rng: np.random.Generator) -> None:
    """A few values of one tensor."""
    if not parts.entries:
        return
    name = _pick(rng, list(parts.entries))
    array = parts.array(name)
    if array is None or array.size == 0:
        return
    for _ in range(rng.choice([1, 1, 3, 40])):
        at = slice(None) if rng.random() < 0.1 else int(rng.integers(array.size))
        value = float(_pick(rng, VALUES))
        if array.dtype.kind != "f":
            info = np.iinfo(array.dtype)
            value = int(min(max(value, info.min), info.max)) if np.isfinite(value) else info.max
        with np.errstate(over="ignore"):
            array[at] = value
    parts.put(name, array)


def _resized(parts: Parts, rng: np.random.Generator) -> None:
    """A tensor longer or shorter along one axis, with all offsets and sizes as they should be: it has another shape."""
    name = _pick(rng, list(parts.entries)) if parts.entries else ""
    values = parts.array(name)
    if values is None:
        return
    shape = parts.entries[name].get("shape")
    if not isinstance(shape, list) or not shape or not all(type(n) is int and 0 <= n < 10**4 for n in shape):
        return
    axis = int(rng.integers(len(shape)))
    shape = [int(rng.choice([0, 1, n + 1, 2 * n])) if i == axis else n for i, n in enumerate(shape)]
    raw = np.resize(values, shape) if values.size else np.zeros(shape, values.dtype)
    if raw.nbytes > 10**6:
        return
    old = parts.entries[name]["data_offsets"]
    more = raw.nbytes - (old[1] - old[0])
    parts.body = parts.body[: old[0]] + raw.tobytes() + parts.body[old[1] :]
    for entry in parts.entries.values():
        if isinstance(entry, dict) and isinstance(entry.get("data_offsets"), list):
            entry["data_offsets"] = [n + more if type(n) is int and n >= old[1] else n for n in entry["data_offsets"]]
    parts.entries[name] |= {"shape": shape, "data_offsets": [old[0], old[1] + more]}
