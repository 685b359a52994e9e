"""--device: what is missing for a GPU is one line, before any work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("keras", reason="needs the host extra")

SCRIPT = """
import sys
{before}
from host_tools.cli import main
main(["train", "--device", "{device}", "--data", "digits", "--model", "none", "-o", "{folder}/t.keras"])
"""


@pytest.mark.parametrize(
    ("before", "device", "told"),
    [
        ("sys.modules['jax'] = None", "gpu", "--device gpu: JAX is not installed, expected it with CUDA"),
        ("import types; sys.modules['jax'] = types.SimpleNamespace(default_backend=lambda: 'cpu')", "gpu",
         "--device gpu: JAX sees no GPU here"),
        ("import host_tools.backend", "gpu", "--device gpu: Keras runs on the processor already"),
        ("", "tpu", "'tpu' is not one of 'cpu', 'gpu'"),
        ("", "cpu", "--model: 'none' is unknown"),
    ],
)  # fmt: skip
def test_what_a_gpu_needs_is_one_line(before: str, device: str, told: str, tmp_path: Path) -> None:
    script = SCRIPT.format(before=before, device=device, folder=tmp_path)
    done = subprocess.run([sys.executable, "-c", script], text=True, capture_output=True, timeout=120)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr, done.stderr[-1500:]
