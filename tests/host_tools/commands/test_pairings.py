"""`rram pairings`: a table, its JSON, a figure, and mistakes, each one line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.cli import main
from host_tools.record import save_model
from tests.host_tools import networks
from tests.host_tools.networks import L


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.keras"
    save_model(networks.chain(L.Flatten(), L.Dense(4, name="fc")), path, {})
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, data = tmp_path_factory.mktemp("data"), networks.data()
    np.savez(path / "corners.npz", x_train=data.x_train, y_train=data.y_train, x_test=data.x_test, y_test=data.y_test)
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["pairings", *arguments])
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_a_table_a_figure_and_its_json(net: Path, folder: Path, tmp_path: Path,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, str(net), "--profile", "charan-65nm", "--data", "corners", "--data-dir", str(folder),
                         "--chips", "2", "--ratio", "5,inf", "--plot", str(tmp_path / "p.png"), "--json", "-")
    assert code == 0
    result = json.loads(out)
    assert [(row["pairing"], row["on_off_ratio"]) for row in result["rows"]] == [
        (pairing, ratio) for ratio in (pytest.approx(5), None) for pairing in ("differential", "offset", "bit-sliced")]
    assert all(len(row["values_percent"]) == 2 for row in result["rows"])
    assert f"{result['rows'][1]['mean_percent']:.2f}" in err and "infinite" in err
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("arguments", "line"), [
    (("--ratio", "5,one"), "--ratio: '5,one' is not a list of numbers > 1 such as 5,10,inf"),
    (("--ratio", "0.5"), "--ratio: '0.5' is not a list of numbers > 1 such as 5,10,inf"),
    (("--time", "10"), "profile charan-65nm: has no relaxation, so nothing is known at 10 s"),
    (("--macro", "no.json"), "macro no.json: No such file or directory"),
])
def test_mistakes_are_one_line(net: Path, folder: Path, arguments: tuple[str, ...], line: str,
                               capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, str(net), "--profile", "charan-65nm", "--data", "corners", "--data-dir", str(folder),
                         "--chips", "1", *arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == f"rram: {line}"


def test_another_data_set_is_one_line(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn", reason="digits come with scikit-learn")
    code, _, err = run(capsys, str(net), "--profile", "charan-65nm", "--data", "digits")
    assert (code, err) == (2, "rram: net: input [8, 8, 1] and 4 classes, data set digits has [8, 8, 1] and 10\n")
