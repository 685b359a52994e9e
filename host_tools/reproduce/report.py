"""The claims as a table, for people and as a page."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from host_tools import console
from host_tools.reproduce.claim import Claim

ELSEWHERE = (
    "Another processor makes the same cells, but sums floats otherwise in the last bits: figures of chips that were "
    "calibrated or learned differ slightly there, and what is trained in the run is another network."
)
HEADERS = ("claim", "paper", "here", "sd", "lowest", "goal", "verdict")


def cells(claim: Claim) -> list[str]:
    """One row of the table."""
    verdict = {None: "", True: "met", False: "not met"}[claim.met]
    return [claim.claim, _number(claim.paper_value), f"{_number(claim.value)} {claim.unit}", _number(claim.std),
            _number(claim.least), _number(claim.goal), verdict]  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def print_claims(claims: Sequence[Claim]) -> None:
    """A table a paper."""
    for paper, group in groupby(claims, key=lambda claim: claim.paper):
        console.table(paper, list(HEADERS), [cells(claim) for claim in group])


def markdown_page(
    claims: Sequence[Claim], quick: bool, papers: Sequence[str] = ("all",), only: str | None = None
) -> str:
    """The page: which command wrote it, a table a paper, and under it each row's setting."""
    command = f"rram reproduce {' '.join(papers)}" + (" --quick" if quick else "") + (f" --data {only}" if only else "")
    lines = ["# What the papers claim, and what was measured here", "",
             f"Written by `{command} --markdown FILE`. An empty goal or verdict: the figure is only reported. sd and "
             "lowest are over chips.", "", ELSEWHERE, ""]  # fmt: skip
    for paper, group in groupby(claims, key=lambda claim: claim.paper):
        rows = list(group)
        lines += [f"## {paper}", "", f"| | {' | '.join(HEADERS)} |", f"| --- |{' --- |' * len(HEADERS)}"]
        lines += [f"| {number} | {' | '.join(cells(row))} |" for number, row in enumerate(rows, start=1)]
        lines += ["", "Settings:", ""]
        for setting, same in groupby(enumerate(rows, start=1), key=lambda pair: pair[1].setting):
            lines.append(f"- {', '.join(str(number) for number, _ in same)}: {setting}")
        lines.append("")
    return "\n".join(lines)
