"""Pages of presets: their figures are kept, and their numbers are those of the results that lie beside them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

PAGES = {
    "charan-65nm": ["charan-65nm"], "weinstock-40nm": ["weinstock-40nm"], "milo-hfo2": ["milo-hfo2"],
    "neurram-130nm": ["neurram-130nm", "neurram-130nm-aihwkit"], "ideal": ["ideal"],
}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_its_presets_and_names_the_command(repo_root: Path, page: str) -> None:
    text = (repo_root / "docs" / "presets" / f"{page}.md").read_text(encoding="utf-8")
    for name in PAGES[page]:
        assert f"rram profile show {name} --plot" in text
        picture = repo_root / "docs" / "figures" / f"preset-{name}.png"
        assert f"../figures/{picture.name}" in text
        assert 10_000 < picture.stat().st_size <= 150_000


def test_the_table_of_readings_is_the_kept_run(repo_root: Path) -> None:
    run = json.loads((repo_root / "docs" / "results" / "charan-65nm-readings.json").read_text())
    assert (run["levels"], run["share"], run["chips"], run["images"]) == (10, 0.5, 20, 10_000)
    page = (repo_root / "docs" / "presets" / "charan-65nm.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    assert list(rows) == list(dict.fromkeys(one["reading"] for one in run["readings"]))
    for name, line in rows.items():
        figures = [f"{one['mean']:.1f} ± {one['std']:.1f}" for one in run["readings"] if one["reading"] == name]
        assert line.endswith(f"| {' | '.join(figures)} |")


def test_the_presets_own_reading_is_the_study_of_the_recipe(repo_root: Path) -> None:
    results = repo_root / "docs" / "results"
    run = json.loads((results / "charan-65nm-readings.json").read_text())
    study = json.loads((results / "mnist-lenet5.json").read_text())
    own = next(one for one in run["readings"] if (one["reading"], one["on_off_ratio"]) == ("own-mean", 5))
    assert own["values"] == pytest.approx(study["values"]["plain"], abs=1e-4)
