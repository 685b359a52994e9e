"""Bundles that want more than a board has, or to do something to a terminal: one line, and nothing is allocated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import firmware_py
from firmware_py import Chip, RramError
from firmware_py.bundle import Bundle
from firmware_py.container import MAX_DEPTH, parse_json
from firmware_py.info import describe, lines
from firmware_py.limits import refuse_huge
from tests.firmware_py.make_bundle import DENSE, Synthetic, contents, write

MEBIBYTE = 1 << 20

# Opens a file in a process that may have 64 MiB more than it has, and says how much more it took at its peak.
OPEN = """
import resource, sys
from firmware_py import Chip, RramError
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
pages = int(open("/proc/self/statm").read().split()[0]) if sys.platform == "linux" else 0
if pages:
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (64 << 20), -1))
before = peak()
try:
    Chip.open(sys.argv[1])
    print("opened")
except RramError as error:
    print(error)
print(peak() - before)
"""


def conv(name: str, out: list[int], kernel: int = 1) -> dict[str, Any]:
    return {"op": "conv2d", "name": name, "kernel": [kernel] * 2, "stride": [1, 1], "padding": "same", "out": out}


def mean(size: list[int]) -> list[dict[str, Any]]:
    """The end of a network: the mean over a map of this size, then logits."""
    pool = {"op": "avgpool2d", "pool": size, "stride": size}
    return [pool, {"op": "flatten"}, {"op": "dense", "name": "fc", "out": [4]}]


FULL = [4096, 4096]
FAR = {"op": "conv2d", "name": "c", "out": [2, 1, 1], "kernel": [4096, 1], "stride": [4096, 4096],
       "padding": [[4095, 4095], [0, 0]]}  # fmt: skip
CLAIMS: dict[str, tuple[list[int], list[dict[str, Any]], str]] = {
    "an image": ([*FULL, 4096], mean(FULL), "input.shape: [4096, 4096, 4096] given, expected at most 16777216 numbers"),
    "a layer": ([255, 257], [{"op": "flatten"}, {"op": "dense", "name": "fc", "out": [65535]}],
                f"nodes[1] (dense): {4096 * 65535} inputs or conversions of all positions, expected at most {2**25}"),
    "channels": ([*FULL, 1], [conv("c", [*FULL, 65535]), *mean(FULL)],
                 f"nodes[0] (conv2d): {2**24 * 65537} activations up to here, expected at most {2**27} for one image"),
    "zeros around": ([1024, 4096, 4], [FAR, *mean([2, 1])],
                     f"nodes[0] (conv2d): {2**24 + 2 + 8192 * 4096 * 4} activations up to here"),
    "many outputs": ([*FULL, 1], [*[{"op": "relu"}] * 900, *mean(FULL)],
                     f"nodes[7] (relu): {9 * 2**24} activations up to here, expected at most {2**27} for one image"),
    "a window": ([*FULL, 1], [{"op": "maxpool2d", "pool": [2048, 2048], "stride": [1, 1]}, *mean([2049, 2049])],
                 f"nodes[0] (maxpool2d): {2049**2 * 2048**2} operations up to here, expected at most {2**37} for one"),
    "positions": ([1000, 1000, 8], [conv("c", [1000, 1000, 8], 3), *mean([1000, 1000])],
                  f"nodes[0] (conv2d): {10**6 * 72} inputs or conversions of all positions, expected at most {2**25}"),
    "columns": ([256, 1, 1], [conv("c", [256, 1, 65535], 255), *mean([256, 1])],
                f"nodes[0] (conv2d): {256 * 65535 * 4065} inputs or conversions"),
}  # fmt: skip


def tiny(path: Path, shape: list[int], nodes: list[dict[str, Any]]) -> Path:
    """A bundle that describes this network and brings no tensors at all."""
    metadata, _ = contents(Synthetic(nodes=DENSE))
    metadata |= {"graph": json.dumps({"nodes": nodes}), "input": json.dumps({"shape": shape}), "classes": "[]"}
    write(path, metadata, {})
    return path


@pytest.mark.parametrize("what", CLAIMS)
def test_a_small_file_that_claims_a_huge_network_is_refused_before_anything_is_allocated(
    tmp_path: Path, what: str
) -> None:
    shape, nodes, expected = CLAIMS[what]
    path = tiny(tmp_path / "b", shape, nodes)
    assert path.stat().st_size < 1500 + 20 * len(nodes)
    message, peak = opened_elsewhere(path)
    assert message.startswith(f"{path}: ") and expected in message, message
    assert peak < 8 * MEBIBYTE


def opened_elsewhere(path: Path) -> tuple[str, int]:
    """What opening says in a process of its own, one line, and how many bytes it took."""
    package = str(Path(firmware_py.__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": package, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", OPEN, str(path)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    message, peak = done.stdout.splitlines()
    return message, 1024 * int(peak)


def test_a_header_of_brackets_takes_no_more_memory_than_its_limit_allows(tmp_path: Path) -> None:
    """The worst there is: empty lists, each of which is an object of its own."""
    text = b'{"__metadata__":{},"a":[' + b"[]," * 660_000 + b"[]]}"
    (tmp_path / "b").write_bytes(len(text).to_bytes(8, "little") + text)
    message, peak = opened_elsewhere(tmp_path / "b")
    assert message == f"{tmp_path / 'b'}: a: expected dtype, shape and data_offsets in the header"
    assert peak < 64 * MEBIBYTE
    (tmp_path / "b").write_bytes((8 << 20).to_bytes(8, "little") + b"[" * (8 << 20))
    message, peak = opened_elsewhere(tmp_path / "b")
    assert message.endswith("header length 8388608 does not fit a file of 8388616 bytes (not a bundle, or truncated)")
    assert peak < 16 * MEBIBYTE


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 900, 10**6])
def test_json_is_as_deep_as_it_may_be(depth: int) -> None:
    """900 levels pass Python's own limit here, and fail where they are written out again."""
    for left, right in (("[", "]"), ('{"a":', "}")):
        text = left * depth + "0" + right * depth
        if depth <= MAX_DEPTH:
            assert json.dumps(parse_json(text)).replace(" ", "") == text
        else:
            with pytest.raises(ValueError, match="too deep"):
                parse_json(text)


def spoilt(tmp_path: Path, spoil: Callable[[dict[str, str], dict[str, np.ndarray]], Any]) -> Path:
    metadata, tensors = contents(Synthetic(nodes=DENSE))
    spoil(metadata, tensors)
    write(tmp_path / "b", metadata, tensors)
    return tmp_path / "b"


def edit(tensors: dict[str, np.ndarray], name: str, value: float) -> None:
    tensors[name] = tensors[name].copy()
    tensors[name].reshape(-1)[0] = value


HUGE = "fc1.gain", 1e30
REFUSED: dict[str, tuple[Callable[[dict[str, str], dict[str, np.ndarray]], Any], str]] = {
    "half a pair": (lambda m, t: m.update(classes=r'["a", "b", "c", "\ud800"]'), "classes: not valid JSON"),
    "a key twice": (lambda m, t: m.update(profile='{"a": 1, "a": 2}'), "profile: not valid JSON"),
    "an escape": (lambda m, t: m.update(classes=r'["a", "b", "c", "\u001b[2J"]'), r"classes: ['a', 'b', 'c', '\x1b"),
    "long": (lambda m, t: m.update(classes=json.dumps(["a", "b", "c", "d" * 257])), "classes: ['a', 'b', 'c', 'ddd"),
    "cells": (lambda m, t: m.update(golden=r'{"seed": 1, "cells_sha256": "\n"}'), "golden.cells_sha256: '\\n' given"),
    "normal": (lambda m, t: edit(t, "profile.normal", -65), "profile.normal: [-65.0, "),
    "gain": (lambda m, t: edit(t, "fc1.gain", 1e30), "graph: nodes[1] (dense): numbers up to "),
    "offset": (lambda m, t: edit(t, "fc2.offset", -1e26), "graph: nodes[3] (dense): numbers up to 1.0e+26 by its"),
    "SRAM": (lambda m, t: edit(t, "fc1.mask.value", -3e38), "graph: nodes[1] (dense): numbers up to "),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_would_not_print_or_not_stay_finite_is_refused(tmp_path: Path, what: str) -> None:
    spoil, expected = REFUSED[what]
    path = spoilt(tmp_path, spoil)
    with pytest.raises(RramError) as caught:
        Chip.open(path)
    assert str(caught.value).startswith(f"{path}: {expected}")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 400 + len(str(path))


def test_doubling_along_a_chain_is_seen_before_it_overflows(tmp_path: Path) -> None:
    """Each sum is twice the one before: 2^100 is beyond the limit, 2^50 is not."""
    for doublings, fits in ((50, True), (120, False)):
        nodes = [DENSE[0], DENSE[1], *({"op": "add", "from": [i, i]} for i in range(1, doublings + 1)), DENSE[3]]
        metadata, tensors = contents(Synthetic(nodes=nodes))
        write(tmp_path / "b", metadata, tensors)
        if fits:
            assert np.isfinite(Chip.open(tmp_path / "b").logits_one(np.ones((8, 8, 1), np.float32))).all()
        else:
            with pytest.raises(RramError, match=r"\(add\): numbers up to .*, expected at most 1e\+25"):
                Chip.open(tmp_path / "b")


def test_a_name_of_a_profile_that_does_not_print_is_not_printed(tmp_path: Path) -> None:
    for name in ("\x1b[2J", "a\nb", "x" * 10**5, {"a": 1}, None):
        path = spoilt(tmp_path, lambda m, t, name=name: m.update(profile=json.dumps({"name": name})))
        assert all(line.isprintable() for line in lines(describe(Bundle.open(path))))


def test_vgg_16_is_within_the_limits() -> None:
    """The largest network that anyone should want on such a board, images of 224 x 224; rows of 128."""
    from firmware_py.graph import parse_graph

    nodes: list[dict[str, Any]] = []
    size = 224
    for block, (count, channels) in enumerate([(2, 64), (2, 128), (3, 256), (3, 512), (3, 512)]):
        for i in range(count):
            nodes += [conv(f"c{block}{i}", [size, size, channels], 3), {"op": "relu"}]
        nodes.append({"op": "maxpool2d", "pool": [2, 2], "stride": [2, 2]})
        size //= 2
    nodes.append({"op": "flatten"})
    for i, out in enumerate((4096, 4096, 1000)):
        nodes += [{"op": "dense", "name": f"f{i}", "out": [out]}, {"op": "relu"}]
    parsed = parse_graph({"nodes": nodes[:-1]}, (224, 224, 3), RramError)
    refuse_huge(parsed, (224, 224, 3), 128, RramError)
    with pytest.raises(RramError, match=r"nodes\[0\] .* inputs or conversions of all positions"):
        refuse_huge(parsed, (224, 224, 3), 1, RramError)
