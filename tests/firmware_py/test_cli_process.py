"""`rram-edge` as a process: signals end it cleanly, and the package drags in nothing that a board would not carry."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import firmware_py
from firmware_py import Chip
from tests.firmware_py.make_bundle import make_bundle

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(firmware_py.__file__).parents[1]), "OPENBLAS_NUM_THREADS": "1"}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_adapt_after_saving(tmp_path: Path, number: int, code: int) -> None:
    """Five labels are learned from a stream that then stays silent; the signal must not lose them."""
    bundle = make_bundle(tmp_path / "b")
    image = np.arange(64).reshape(8, 8, 1).tolist()
    with subprocess.Popen(
        [sys.executable, "-m", "firmware_py", "adapt", str(bundle), "--stream", "-", "--engine", "numpy",
         "--report-every", "5", "--json", str(tmp_path / "result.json")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        for i in range(5):
            process.stdin.write(json.dumps({"id": i, "x": image, "label": 2}) + "\n")
        process.stdin.flush()
        while not process.stdout.readline().startswith("5 labels"):
            assert process.poll() is None
        process.send_signal(number)
        assert process.wait(60) == code
        assert "Traceback" not in process.stderr.read()
    result = json.loads((tmp_path / "result.json").read_text())
    assert (result["labels"], result["generation"]) == (5, 2)
    chip = Chip.open(bundle, engine="numpy")
    assert chip.restore(result["state"]) is not None
    assert chip.correction.step == 5


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "b")
    command = f"'{sys.executable}' -m firmware_py info '{bundle}' | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 141)
    assert done.stderr == ""


def test_importing_the_package_brings_only_the_standard_library_numpy_and_cffi() -> None:
    """Every module of the board's package, but those that need a compiler or an interpreter on purpose."""
    script = """
import pkgutil, sys, importlib, json
import firmware_py
quick = sorted(sys.modules)
for module in pkgutil.iter_modules(firmware_py.__path__):
    if module.name not in ("__main__", "build_core", "_core"):
        importlib.import_module("firmware_py." + module.name)
print(json.dumps([quick, sorted(sys.modules)]))
"""
    done = subprocess.run([sys.executable, "-c", script], env=ENVIRONMENT, capture_output=True, text=True, check=True)
    quick, every = (set(names) for names in json.loads(done.stdout))
    foreign = {name.partition(".")[0] for name in every} - set(sys.stdlib_module_names)
    site = {name for name in foreign if not name.startswith("_") and not name.endswith(("_nspkg", "_finder"))}
    assert site <= {"firmware_py", "numpy", "cffi", "sitecustomize", "usercustomize", "mypyc", "cython_runtime"}
    # what a command needs only in passing stays out of `import firmware_py`
    assert not quick & {"firmware_py.stream", "firmware_py.reference", "firmware_py.adapt", "argparse", "socket", "PIL"}
