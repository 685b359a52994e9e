"""What a reproduction has finished, kept so that the next call goes on: chips one by one, or a whole paper.

A file's name is a digest of all that decides what is in it: code (host_tools.version), bundle, steps and images of
chips; code, networks, data, seed and size of a paper. So results of another version are never found.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from host_tools.record import key_of_parts
from host_tools.reproduce.claim import Claim
from host_tools.study.cases import Case
from host_tools.study.chips import StudyData
from host_tools.study.journal import Journal, open_journal
from host_tools.study.results import layout_of
from host_tools.version import all_code

CLAIMS = "claims.json"


@dataclass(frozen=True)
class Kept:
    """The folder of finished results; fresh: nothing is taken from there, all is measured again (and kept)."""

    folder: Path
    fresh: bool = False
    _seen: set[Path] = field(default_factory=set, repr=False)

    @contextmanager
    def chips(self, case: Case, data: StudyData, name: str) -> Iterator[Journal]:
        """The chips of `case` on the data set `name` that are finished; run_study adds the others as they finish."""
        layout = layout_of([case], data, name)
        more = {"start": " ".join(case.plan.start), "code": all_code()[:16]}
        layout = replace(layout, constants=layout.constants | more, option="reproduce")
        path = self._place(f"chips-{key_of_parts([layout.constants, case.key(0)])}.csv")
        with open_journal(path, layout) as journal:
            yield journal

    def paper(
        self, name: str, made_of: Sequence[Any], figures: Path, measure: Callable[[Path], list[Claim]]
    ) -> list[Claim]:
        """A paper's claims, `measure(folder of its figures)` where they are not kept; its figures go to `figures`.

        made_of: all that decides them beside the code.
        """
        place = self._place(f"{name}-{key_of_parts([made_of, all_code(drawn=True)])}")
        if not place.exists():
            draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=self.folder))
            try:
                claims = measure(draft)
                (draft / CLAIMS).write_text(json.dumps([claim.as_json() for claim in claims]), encoding="utf-8")
                os.replace(draft, place)
            except BaseException:
                shutil.rmtree(draft, ignore_errors=True)
                raise
        for picture in place.glob("*.png"):
            shutil.copy(picture, figures / picture.name)
        return [Claim(**told) for told in json.loads((place / CLAIMS).read_text(encoding="utf-8"))]

    def words(self) -> str:
        """What of this call is kept, in one line."""
        files = [path for path in self._seen if path.exists()]
        chips = sum(path.read_bytes().count(b"\n") - 1 for path in files if path.is_file())
        papers = sorted(path.name.rpartition("-")[0] for path in files if path.is_dir())
        finished = f"{chips} chips" + (f" and {', '.join(papers)}" if papers else "")
        how = "without --fresh goes on there" if self.fresh else "goes on there (--fresh: from the beginning)"
        return f"{finished} are kept in {self.folder}: the same command {how}"

    def _place(self, name: str) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / name
        if self.fresh and path not in self._seen:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        self._seen.add(path)
        return path
