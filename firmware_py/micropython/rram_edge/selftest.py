"""Does this board compute what the golden vectors of a bundle say?"""

from rram_edge import Chip, kernels, largest
from rram_edge.bundle import Bundle
from rram_edge.graph import size

WIDE = 1.0 + 2.0**-40 != 1.0  # floats of this port have 64 bits
TOLERANCE = 1e-5  # of the largest golden logit


def selftest(path: str) -> list:
    """Lines that begin with PASS, FAIL or SKIP; the golden chip is made for it, so call it before making your own."""
    chip = Chip(path, Bundle(path).golden["seed"])
    found, expected = chip.cells_sha256(), chip.bundle.golden["cells_sha256"]
    lines = [_line(found == expected, f"cells of chip {chip.seed}: sha256 {found[:12]}, expected {expected[:12]}")]
    if not WIDE:
        lines = ["SKIP  cells: floats of this port have 32 bits, which round the variances of reads otherwise"]
    return [f"      kernels: {kernels.NAME}"] + lines + [_logits(chip)]


def _logits(chip: Chip) -> str:
    """Golden image i was read with read counter i, by a chip as programmed."""
    classes, pixels = len(chip.bundle.classes), size(chip.bundle.shape)
    images = chip.bundle.tensor("golden.x", "U8", (-1,) + chip.bundle.shape)
    logits = chip.bundle.tensor("golden.logits", "F32", (-1, classes))
    count, worst, wrong = len(logits) // classes, 0.0, 0
    for i in range(count):
        expected = logits[i * classes : (i + 1) * classes]
        found = chip.logits_one(images[i * pixels : (i + 1) * pixels])
        difference = max(abs(found[j] - expected[j]) for j in range(classes))
        worst = max(worst, difference / (max(abs(value) for value in expected) or 1))
        wrong += largest(found) != largest(expected)
    text = f"logits of {count} golden images: {wrong} other classes, largest relative difference {worst:.1e}"
    return _line(wrong == 0 and (worst <= TOLERANCE or not WIDE), text)


def _line(passed: bool, text: str) -> str:
    return ("PASS  " if passed else "FAIL  ") + text
