"""Settings of a fine-tuning: frozen, made at the edge, passed whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from host_tools.errors import HostError

Scope = Literal["all", "last", "none"]
Guide = Literal["io", "labels", "kd"]
Step = Literal["planned", "sign"]


@dataclass(frozen=True)
class Tuning:
    """How a chip is fine-tuned.

    writes: rewrites a cell, on average over the chip, the first write not counted. images: unlabelled (guide "labels":
    labelled) training images. vectors: at most so many rows are looked at in a layer. share: most of a column's cells
    that one round rewrites. hope: how far a plan counts on later writes, first and last (host_tools.finetune.plan).
    gain: range of a column's digital gain, times what the mapping gives.
    gradient_hope: the same for guides "kd" and "labels", whose next measurement comes late. kd_rounds: of them.
    scope: which layers' cells are rewritten. guide: what asks for rewrites: "io", each layer's inputs and outputs
    beside the ideal network's activations, layer by layer; "kd" and "labels", the gradient of the network's error
    through transposed reads, all layers at once. step: "planned", or "sign", one level up or down by the gradient's
    sign. kd: distillation at the end, of `kd_writes` (share of all writes) and of the digital gains and offsets.
    """

    writes: float = 1.0
    images: int = 2048
    vectors: int = 4096
    share: float = 0.02
    hope: tuple[float, float] = (0.1, 0.01)
    gain: tuple[float, float] = (0.75, 1.5)
    gradient_hope: float = 1.0
    scope: Scope = "all"
    guide: Guide = "io"
    step: Step = "planned"
    kd: bool = True
    kd_writes: float = 0.1
    kd_rounds: int = 6

    def __post_init__(self) -> None:
        limits = (("writes", self.writes, 0, 1000), ("images", self.images, 8, 10**6),
                  ("share", self.share, 1e-6, 1), ("vectors", self.vectors, 8, 10**6))  # fmt: skip
        for name, value, least, most in limits:
            if not least <= value <= most:
                raise HostError(f"fine-tuning: {name}: {value:g} is not {least:g} to {most:g}")


BEST = "layer-by-layer"
STRATEGIES: dict[str, Tuning] = {
    "gains-biases": Tuning(scope="none", kd=False),
    "last-layer": Tuning(scope="last", kd=False),
    "sign-only": Tuning(guide="kd", step="sign", kd=False),
    "all-labels": Tuning(guide="labels", kd=False),
    "all-kd": Tuning(guide="kd", kd=False),
    "layer-by-layer": Tuning(kd=False),
    "layer-by-layer-kd": Tuning(),
}
