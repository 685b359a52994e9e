"""The self-test passes where the golden vectors are met, and fails where cells or logits differ."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from firmware_py import c_engine
from firmware_py.bundle import Bundle
from firmware_py.container import read_container
from firmware_py.selftest import selftest
from tests.firmware_py.make_bundle import make_bundle, write


def rewritten(path: Path, logits: float = 1.0, cells: str | None = None) -> Bundle:
    """A bundle with a right digest whose golden logits are scaled, or whose golden cells are others."""
    metadata, tensors, _ = read_container(make_bundle(path))
    metadata = {key: value for key, value in metadata.items() if key != "digest"}
    if cells is not None:
        metadata["golden"] = json.dumps(json.loads(metadata["golden"]) | {"cells_sha256": cells})
    golden = np.array(tensors["golden.logits"])
    golden[1] *= np.float32(logits)
    other = path.with_name("other")
    write(other, metadata, {name: np.array(array) for name, array in tensors.items()} | {"golden.logits": golden})
    return Bundle.open(other)


def test_it_passes_on_every_engine_that_is_there(tmp_path: Path) -> None:
    checks = selftest(rewritten(tmp_path / "b"))
    assert [check.passed for check in checks if check.engine == "numpy"] == [True, True]
    expected = [True, True] if c_engine.available() else [None]
    assert [check.passed for check in checks if check.engine == "c"] == expected


def test_cells_that_differ_fail(tmp_path: Path) -> None:
    cells, logits = selftest(rewritten(tmp_path / "b", cells="00" * 32), "numpy")
    assert (cells.passed, logits.passed) == (False, True)
    assert "expected 000000000000" in str(cells)


@pytest.mark.parametrize(("scale", "passed"), [(1 + 1e-6, True), (1 + 1e-4, False), (0.5, False)])
def test_logits_that_differ_by_more_than_the_tolerance_fail(tmp_path: Path, scale: float, passed: bool) -> None:
    cells, logits = selftest(rewritten(tmp_path / "b", logits=scale), "numpy")
    assert (cells.passed, logits.passed) == (True, passed)
    assert "golden image 1" in str(logits) or passed


@pytest.mark.skipif(not c_engine.available(), reason="the C core is not built here")
def test_a_seed_also_compares_both_engines_on_that_chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = rewritten(tmp_path / "b")
    assert selftest(bundle, seed=5)[-1].passed is True
    monkeypatch.setattr("firmware_py.numpy_engine.NumpyEngine.logits", lambda self, x, read: np.zeros((len(x), 4)))
    check = selftest(bundle, "c", seed=5)[-1]
    assert (check.engine, check.passed, check.text) == ("both", False, "chip 5: cells equal, logits differ")
