"""The row of a reproduction that shows each trained network of the package as it is meant to be used."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from host_tools.reproduce.claim import Claim

ROWS = {  # the row's name: the network, beside the recipe that its setting begins with
    "ideal network, digital": "teacher",
    "student on chips, nothing else": "student",
    "student, column statistics re-estimated from 512 images without labels": "student",
    "the same, calibrated": "usable",
    "mask-aware student, calibrated": "aware",
    "mask-aware student, calibrated: SRAM of 7.86 % area": "area",
    "measured array: student of the other half": "techB",
    "measured array: mask-aware student of the other half, calibrated, SRAM 2.34 %": "techB-aware",
}


def shown(claims: Iterable[Claim]) -> dict[str, dict[str, Any]]:
    """By the name of the network: the row, mean, standard deviation and lowest chip in per cent of test images, and the
    number of chips."""
    out: dict[str, dict[str, Any]] = {}
    for claim in claims:
        if claim.claim in ROWS:
            recipe = claim.setting.split(",")[0]
            out[f"{recipe}-{ROWS[claim.claim]}"] = {
                "row": claim.claim, "mean": claim.value, "std": claim.std, "least": claim.least, "chips": claim.chips
            }  # fmt: skip
    return dict(sorted(out.items()))
