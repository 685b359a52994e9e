"""`rram demo` with a short recipe: what it prints, draws and reports."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="networks are Keras models")

from host_tools import demo
from host_tools.cli import main
from host_tools.record import load_model
from host_tools.shift import Shift
from host_tools.training import recipes
from tests.host_tools.conftest import Trained

TRACKS = ["ideal network, digital", "ideal network on the chip, no help", "student on the chip, untouched",
          "calibrated without labels", "calibrated, then adapting"]  # fmt: skip


def test_the_demo_ends_with_a_table_a_picture_and_the_next_step(
    trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The networks are those that other tests trained: the demo keeps its own in its folder, under the same names."""
    folder = tmp_path / "demo"
    shutil.copytree(trained.cache, folder)
    monkeypatch.setitem(recipes.RECIPES, "digits", trained.recipe)
    with pytest.raises(SystemExit) as end:
        main(["demo", "-o", str(folder), "--chip-seed", "3", "--json", "-"])
    out, err = capsys.readouterr()
    assert not end.value.code
    result = json.loads(out)
    assert [track["name"] for track in result["tracks"]] == TRACKS
    assert set(result) == {
        "tracks", "change", "cells", "cells_written", "engine", "sram_percent", "sram_bytes", "bundle", "picture",
    }  # fmt: skip
    assert result["cells_written"] == 0
    kernels = [layer.kernel.shape for layer in load_model(trained.files.teacher).layers if layer.get_weights()]
    assert result["cells"] == sum(2 * int(np.prod(shape)) for shape in kernels)
    assert 2.3 < result["sram_percent"] <= 2.34
    assert all(name in err for name in TRACKS)
    lines = err.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("next:")] == ["next:"]
    assert lines[-1].startswith("next: ")
    assert f"RRAM cells written: 0 of {result['cells']:,}" in err
    assert Path(result["bundle"]).is_file()
    picture = Path(result["picture"]).read_bytes()
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(picture) > 20_000
    by_name = {track["name"]: track for track in result["tracks"]}
    adapted, still = by_name["calibrated, then adapting"], by_name["calibrated without labels"]
    assert adapted["before"] == still["before"]  # no label came before the change
    assert adapted["last_half"] > still["last_half"] + 5  # what the demo is about


def test_the_summary_is_that_of_the_parts_of_the_stream() -> None:
    right = np.arange(100) % 3 == 0
    result = demo.DemoResult([demo.Track("a", right), demo.Track("b", ~right)], 40, 0, 10, 0.1, "c", 2.0, 9)
    rows = demo.summary(result)
    assert rows[0][0] == "a"
    assert rows[0][1:] == pytest.approx((100 * 14 / 40, 100 * 5 / 15, 100 * 10 / 30))
    assert rows[1][1] == pytest.approx(100 - rows[0][1])


def test_the_picture_takes_a_stream_shorter_than_its_window(tmp_path: Path) -> None:
    right = np.ones(demo.WINDOW // 2, bool)
    result = demo.DemoResult([demo.Track(name, right) for name in TRACKS], 10, 0, 10, 0.1, "c", 2.0, 9)
    demo.plot(tmp_path / "p.png", result, Shift())
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["-o", "file"], "-o: file is not a folder"),
        (["--shift", "affine:a,b"], "--shift: 'affine:a,b' given"),
        (["--json", "no/out.json"], "--json: no/out.json: the folder"),
    ],
)
def test_what_cannot_be_is_said_before_any_training(
    arguments: list[str], text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setattr(demo, "make_bundles", lambda *_: pytest.fail("work was done"))
    with pytest.raises(SystemExit) as end:
        main(["demo", *arguments])
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert text in err
    assert err.count("\n") == 1
