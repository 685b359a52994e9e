"""The figures of README.md are those of the study that is kept beside it."""

from __future__ import annotations

import json
from pathlib import Path

BARS = {"ideal": 99.3, "student": 98.0, "calibrated": 98.8, "adapted": 97.5}


def test_the_table_is_the_kept_studys(repo_root: Path) -> None:
    study = json.loads((repo_root / "docs" / "results" / "mnist-lenet5.json").read_text())
    readme = (repo_root / "README.md").read_text()
    assert [row["row"] for row in study["rows"]] == ["ideal", "plain", "student", "calibrated", "shifted", "adapted"]
    for row in study["rows"]:
        line = next(line for line in readme.splitlines() if line.startswith(f"| `{row['row']}`"))
        spread = [] if row["row"] == "ideal" else [f"± {row['std']:.2f}", f"{row['min']:.2f}"]
        for text in [f"{row['mean']:.2f}", *spread]:
            assert text in line, f"{row['row']}: {text} is not in {line}"


def test_the_kept_study_holds_its_bars(repo_root: Path) -> None:
    study = json.loads((repo_root / "docs" / "results" / "mnist-lenet5.json").read_text())
    rows = {row["row"]: row for row in study["rows"]}
    assert study["chips"] == 20 and study["images"] == 10_000
    assert all(rows[row]["mean"] >= bar for row, bar in BARS.items())
    assert rows["student"]["min"] >= 97 and rows["calibrated"]["min"] >= 98.4 and rows["adapted"]["min"] >= 97
    assert rows["adapted"]["clean_mean"] >= 97.5 and rows["calibrated"]["sram_percent"] <= 2.34
