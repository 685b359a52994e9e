"""The same under real MicroPython, with viper and in bytecode: golden vectors, sums, learning, states."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from firmware_py import AdaptConfig
from firmware_py.bundle import Bundle
from firmware_py.container import read_container
from tests.firmware_py.make_bundle import CONV, DENSE, MOBILE, RESNET, Synthetic, make_bundle, write
from tests.firmware_py.micropython.cases import (
    ENGINE,
    assert_the_same_learning,
    assert_the_same_predictions,
    in_micropython,
    job_of,
    needs_micropython,
    oracle,
)
from tests.firmware_py.micropython.on_board import kernel_runs, report
from tests.firmware_py.micropython.test_predict import POOLS

from rram_edge import plain  # isort: skip  # on the path by cases

pytestmark = needs_micropython

NETWORKS = {
    "dense": Synthetic(nodes=DENSE, mask_share=0.3),
    "convolutions": Synthetic(nodes=CONV),
    "branches": Synthetic(nodes=RESNET, input_shape=(8, 8, 2)),
    "groups and activations": Synthetic(nodes=MOBILE, input_shape=(8, 8, 2), mask_share=0.2),
    "pools": Synthetic(nodes=POOLS, input_shape=(8, 9, 2)),
    "stuck cells": Synthetic(nodes=DENSE, faults=(2**30, 3 * 2**30, 100, 3000)),
}


@pytest.fixture(params=["viper", "bytecode"])
def engine(request: Any, tmp_path: Path) -> Path:
    """The package as it is, or without viper.py, as on a port that refuses it."""
    if request.param == "viper":
        return ENGINE
    copy = tmp_path / "engine"
    shutil.copytree(ENGINE / "rram_edge", copy / "rram_edge", ignore=shutil.ignore_patterns("viper.py", "__pycache__"))
    return copy


@pytest.mark.parametrize("read_noise", [False, True], ids=["quiet", "noisy"])
@pytest.mark.parametrize("name", NETWORKS)
def test_predictions_and_learning_are_the_oracles(tmp_path: Path, engine: Path, name: str, read_noise: bool) -> None:
    bundle = Bundle.open(make_bundle(tmp_path / "b", NETWORKS[name]))
    labels = np.random.default_rng(1).integers(0, len(bundle.classes), 3).tolist()
    job = job_of(bundle, read_noise, labels=labels)
    found = in_micropython(job, tmp_path, engine)
    assert found["kernels"] == ("viper" if engine == ENGINE else "bytecode")
    assert_the_same_predictions(found, bundle, job)
    assert_the_same_learning(found, bundle, job, AdaptConfig())


def test_the_selftest_passes(tmp_path: Path, engine: Path) -> None:
    path = make_bundle(tmp_path / "b", NETWORKS["convolutions"])
    lines = in_micropython({"selftest": str(path)}, tmp_path, engine)
    assert [line[:4] for line in lines] == ["    ", "PASS", "PASS"]


def test_a_state_saved_there_is_restored_here_and_there(tmp_path: Path, engine: Path) -> None:
    (tmp_path / "state").mkdir()
    bundle = Bundle.open(make_bundle(tmp_path / "b", NETWORKS["dense"]))
    job = job_of(bundle, True, labels=[0, 1, 2], save=str(tmp_path / "state"))
    saved = in_micropython(job, tmp_path, engine)
    chip = oracle(bundle, job)
    info = chip.restore(tmp_path / "state")
    assert info is not None and info.generation == saved["generation"] == 2
    restoring = job_of(bundle, True, count=0, restore=str(tmp_path / "state"))
    again = in_micropython(restoring, tmp_path, engine)
    assert again["restored"] == 2 and again["counters"] == [chip.correction.step, chip.correction.read]
    assert again["correction"] == saved["correction"] == report(restoring)["correction"]


def test_tables_with_any_tail_give_the_oracles_cells(tmp_path: Path) -> None:
    """Neighbouring nodes that lie further apart than viper's 32 bits hold: those cells are drawn in bytecode."""
    metadata, tensors, _ = read_container(make_bundle(tmp_path / "b", NETWORKS["dense"]))
    del metadata["digest"]
    wild = {name: np.array(tensor) for name, tensor in tensors.items()}
    wild["profile.quantiles"][:, :, 1::2] = 2**30
    wild["profile.quantiles"][:, :, ::2] = -(2**30)
    write(tmp_path / "wild", metadata, wild)
    bundle = Bundle.open(tmp_path / "wild")
    job = job_of(bundle, False, count=1)
    assert_the_same_predictions(in_micropython(job, tmp_path), bundle, job)


def test_viper_computes_what_bytecode_computes(tmp_path: Path) -> None:
    """Each kernel on numbers at the ends of their ranges."""
    rng = np.random.default_rng(7)
    words = np.concatenate([rng.integers(0, 2**32, 40), [0, 127, 255 << 7, 256 << 7, 2**31 - 1, 2**31, 2**32 - 1]])
    n, k = 6, 20
    d = rng.choice([-32767, -1, 0, 1, 32767], (k, n)).reshape(-1).tolist()
    codes = rng.choice([-127, -1, 0, 1, 255], 6 * k).tolist()
    plans = [[k, n, per] for per in (6, 3, 2, 1)]  # one group to six
    place = [4, 5, 4, 3, 2, 2, 1, 1, 1, 6]  # height, width, channels, kernel, stride, padding, columns
    geometries = [place + more for more in ([1, 1, 4], [2, 1, 4], [1, 3, 2], [2, 2, 1])]  # dilation, channels a group
    steps = rng.integers(-(2**24), 2**24, (2, 2, 514)).reshape(-1).tolist()  # neighbours differ by less than 2^25
    count = len(words)
    index, fraction = rng.integers(0, 513, count) + 2**15 * rng.integers(0, 2, count), rng.integers(0, 2**18, count)
    head = rng.integers(0, 2**32, 7).tolist()
    jobs: list[Any] = [["words", [["I", [0] * length], ["I", head]], [first, length]]
                       for first, length in ((0, 1), (1, 2), (2, 3), (3, 9), (2**28 - 3, 17))]  # fmt: skip
    jobs += [
        ["octave", [["H", [0] * count], ["I", [0] * count], ["I", words.tolist()]], [count]],
        ["cells", [["h", [0] * count], ["H", index.tolist()], ["I", fraction.tolist()],
                   ["B", rng.integers(0, 2, count).tolist()], ["i", steps]], [count]],
        *(["window", [["h", [9] * 24], ["h", rng.integers(-127, 256, 80).tolist()], ["i", geometry]], [position]]
          for geometry in geometries for position in range(12)),
    ]  # fmt: skip
    v, errors = rng.integers(0, 256, k * n).tolist(), rng.integers(-127, 128, n).tolist()
    for plan in plans:
        jobs += [
            ["sums", [["i", [9] * n], ["h", codes], ["h", d], ["i", plan]], [3, 18]],
            ["powers", [["i", [9] * n], ["h", codes], ["B", v], ["i", plan]], [3, 18]],
            ["transposed", [["i", [9] * 6 * k], ["h", errors], ["h", d], ["i", plan]], [2, n - 1]],
        ]
    assert in_micropython({"kernels": jobs}, tmp_path) == kernel_runs(plain, json.loads(json.dumps(jobs)))


def test_a_pair_costs_three_bytes_and_its_share_of_the_correction(tmp_path: Path) -> None:
    """Its cells and the variance of its reads; a tenth of the pairs have a value and a row; nothing is kept twice."""

    def memory(columns: int) -> int:
        nodes = [{"op": "dense", "name": "a", "out": [columns]}, {"op": "dense", "name": "b", "out": [2]}]
        path = make_bundle(tmp_path / str(columns), Synthetic(nodes=nodes, input_shape=(200,), rows=256))
        return int(in_micropython({"memory": str(path)}, tmp_path))

    more = (memory(120) - memory(20)) / (100 * 200)
    assert 3 < more < 3 + 0.1 * (4 + 2) + 0.5
