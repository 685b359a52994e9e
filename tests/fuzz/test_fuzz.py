"""A short run of each fuzz target, always the same files; the long ones are commands (docs/robustness.md)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from firmware_py import RramError
from tests.fuzz import bundle, mutate, pack, state, target
from tests.fuzz.run import Case

FILES = {"bundle": 250, "state": 150}


@pytest.mark.parametrize("name", FILES)
def test_files_that_were_changed_at_random_are_refused_in_one_line_or_work(tmp_path: Path, name: str) -> None:
    make = {"bundle": bundle.cases, "state": state.cases}[name]
    case: Case = make(0)
    counts = Counter(case(number, tmp_path) for number in range(FILES[name]))
    assert counts["works"] + counts["works, taken"] > FILES[name] / 20, counts  # or all that follows is never reached
    assert sum(counts[key] for key in counts if "refused" in key) > FILES[name] / 3, counts


def test_a_number_is_always_the_same_file() -> None:
    assert mutate.mutated(3, 1) == mutate.mutated(3, 1) != mutate.mutated(4, 1)
    assert state.mutated(3, 1) == state.mutated(3, 1) != state.mutated(4, 1)


@pytest.mark.parametrize("number", range(len(pack.seeds())))
def test_what_is_changed_works_before(tmp_path: Path, number: int) -> None:
    """The digest that the fuzzer writes, from bytes alone, is the one that the reader wants."""
    path = tmp_path / "b"
    for data in (pack.seeds()[number], pack.Parts.of(pack.seeds()[number]).join()):
        path.write_bytes(data)
        assert target.try_bundle(path) == "works"
    parts = pack.Parts.of(pack.seeds()[number])
    parts.metadata["provenance"] = "{}"
    path.write_bytes(parts.join(sign=False))
    assert target.try_bundle(path) == "refused"


def test_what_it_looks_for_it_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that raises anything else, or two lines, or an engine that computes something else, is a finding."""
    path = tmp_path / "b"
    path.write_bytes(pack.seeds()[0])
    for error in (KeyError("a"), RramError("two\nlines"), RramError("x" * 2000)):
        with monkeypatch.context() as patch, pytest.raises((KeyError, AssertionError)):
            patch.setattr(target.Bundle, "open", lambda path, error=error: (_ for _ in ()).throw(error))
            target.try_bundle(path)
    with monkeypatch.context() as patch, pytest.raises(AssertionError, match="not finite"):
        patch.setattr(target.Chip, "logits_many", lambda self, x: np.full((len(x), 4), np.nan, np.float32))
        target.try_bundle(path)
