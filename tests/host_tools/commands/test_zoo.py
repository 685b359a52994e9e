"""The networks of the package are what today's recipes make, small, and can be copied with their teacher."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")
pytest.importorskip("sklearn", reason="digits come with scikit-learn")

from host_tools.cli import main
from host_tools.data import load
from host_tools.errors import HostError
from host_tools.record import load_model, read_record, sha256, teacher_of
from host_tools.reproduce.shown import ROWS
from host_tools.training import recipes, workshop
from host_tools.training import shipped as shipped_module
from host_tools.training.loop import accuracy
from host_tools.training.shipped import ship, shipped
from host_tools.training.workshop import Workshop
from tests.host_tools.training.test_workshop import RECIPE, data


def test_every_network_is_small_and_its_teacher_lies_beside_it() -> None:
    found = list(shipped())
    wanted = {f"digits-{name}" for name in ("teacher", "student", "usable", "aware", "area")}
    assert wanted <= {one.name for one in found}
    for one in found:
        assert one.path.stat().st_size < 1_000_000
        assert one.name.startswith(("digits-", *(f"{name}-" for name in recipes.RECIPES)))
        if one.record["kind"] == "student":
            assert teacher_of(one.path, one.record).name == one.record["teacher"]["file"]


def test_todays_recipe_takes_every_network_of_digits_from_the_package(tmp_path: Path) -> None:
    told: list[str] = []
    shop = Workshop(recipes.get("digits"), load("digits"), 0, tmp_path, tell=told.append)
    paths = [shop.teacher(), *(shop.student(name) for name in ("student", "usable", "aware", "area"))]
    assert told == [] and not list(tmp_path.iterdir())
    assert {path.stem for path in paths} == {x.name for x in shipped() if x.name.startswith("digits-")}


def test_the_record_says_what_the_network_does() -> None:
    digits = load("digits")
    _, images, labels = digits.validation()
    (teacher,) = (one for one in shipped() if one.name == "digits-teacher")
    assert accuracy(load_model(teacher.path), images, labels) == pytest.approx(teacher.figures["validation"])


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["zoo", *arguments])
    return int(left.value.code or 0)


def test_the_list_and_the_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", str(tmp_path / "zoo.json")) == 0
    listed = {one["name"]: one for one in json.loads((tmp_path / "zoo.json").read_text())["networks"]}
    student = listed["digits-student"]
    assert student["chips"] == 8 and student["chips_min"] <= student["chips_mean"] == pytest.approx(
        np.mean(student["record"]["validation_on_chips"]))  # fmt: skip
    assert run("copy", "digits-student", "-o", str(tmp_path / "mine.keras")) == 0
    copied = tmp_path / "mine.keras"
    assert sha256(copied) == sha256(student["file"])
    assert teacher_of(copied, read_record(copied)) == tmp_path / "digits-teacher.keras"
    (tmp_path / "digits-teacher.keras").write_text("mine")
    assert run("copy", "digits-student", "-o", str(tmp_path / "again.keras")) == 2
    assert (tmp_path / "digits-teacher.keras").read_text() == "mine" and not (tmp_path / "again.keras").exists()
    assert run("copy", "lenet", "-o", str(tmp_path / "x.keras")) == 2
    error = capsys.readouterr().err
    assert "zoo: 'lenet' is unknown, expected one of " in error and "digits-area, digits-aware" in error


def test_shipping_renames_the_teacher_and_is_done_once(tmp_path: Path) -> None:
    shop = Workshop(RECIPE, data(60), 0, tmp_path / "cache", tell=lambda line: None)
    first = ship(shop, tmp_path / "zoo")
    assert [path.name for path in first] == [f"corners-{name}.keras" for name in ("teacher", "student", "aware")]
    before = [sha256(path) for path in first]
    record = read_record(first[2])
    assert record["teacher"] == {"file": "corners-teacher.keras", "sha256": before[0]}
    assert record["key"] in shop.student("aware").name
    assert [sha256(path) for path in ship(shop, tmp_path / "zoo")] == before


def test_a_shipped_network_is_taken_for_a_copy_of_its_data_with_other_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = data(60)
    shop = Workshop(RECIPE, made, 0, tmp_path / "cache", tell=lambda line: None)
    ship(shop, tmp_path / "zoo")
    monkeypatch.setattr(workshop, "SHIPPED", tmp_path / "zoo")
    pixels = made.x_train.copy()
    pixels[0] ^= 1
    other = replace(shop, data=replace(made, x_train=pixels))
    assert [path.parent.name for path in (other.teacher(), other.student(), other.student("aware"))] == ["zoo"] * 3
    labels = np.roll(made.y_train, 1)
    assert replace(shop, data=replace(made, y_train=labels)).teacher().parent.name == "cache"


def test_a_large_network_is_shipped_in_half_precision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Workshop(RECIPE, data(60), 0, tmp_path / "cache", tell=lambda line: None)
    monkeypatch.setattr(shipped_module, "MOST_BYTES", shop.teacher().stat().st_size - 1)
    path = ship(shop, tmp_path / "zoo")[0]
    assert path.stat().st_size < shop.teacher().stat().st_size and read_record(path)["weights"] == "float16"
    for kept, whole in zip(load_model(path).get_weights(), load_model(shop.teacher()).get_weights(), strict=True):
        np.testing.assert_array_equal(kept, whole.astype(np.float16).astype(np.float32))
    monkeypatch.setattr(shipped_module, "MOST_BYTES", 1000)
    with pytest.raises(HostError, match="the package carries at most 1,000"):
        ship(shop, tmp_path / "small")


def test_the_rows_of_the_package_are_those_of_the_kept_reproduction(
    repo_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = [str(path) for path in sorted((repo_root / "docs" / "results").glob("reproduction-charan-*.json"))]
    monkeypatch.setattr(shipped_module, "REPRODUCED", tmp_path / "rows.json")
    assert run("figures", *kept) == 0
    rows = json.loads((tmp_path / "rows.json").read_text())
    monkeypatch.undo()
    assert {one.name: one.reproduced for one in shipped() if one.reproduced} == rows
    assert {"mnist-lenet5-teacher", "mnist-lenet5-techB", "cifar10-resnet8-area"} <= set(rows)
    assert {row["row"] for row in rows.values()} == set(ROWS)  # each is still the name of a row of a reproduction
    told = [one for path in kept for one in json.loads(Path(path).read_text())["claims"]]
    claims = {one["claim"]: one for one in told if one["setting"].startswith("cifar10-resnet8,")}
    area = claims["mask-aware student, calibrated: SRAM of 7.86 % area"]
    capsys.readouterr()
    assert run() == 0
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "cifar10-resnet8-area " in line)
    assert f"{area['value']:.2f} ± {area['std']:.2f} ({area['least']:.2f})" in line
