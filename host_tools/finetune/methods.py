"""What can be done with one chip, each way from the same first draw of its cells: nothing, VAT, R-V-W, fine-tuning."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device_models.write.oneshot import energy_of_a_pulse_pJ
from host_tools.data import scaled
from host_tools.finetune.chip import Chip, Technology, accuracy
from host_tools.finetune.layerwise import fit_columns, task
from host_tools.finetune.network import Network
from host_tools.finetune.rvw import read_verify_write
from host_tools.finetune.tune import fine_tune
from host_tools.finetune.tuning import Tuning

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Job:
    """What all chips share. train: images (and labels) that a chip may use; test: those that it is judged by. vat:
    the baseline's network, None: left out. rewrite: the technology of later writes, None: the same. pulse_pJ: energy of
    a write, None: the profile's, if it gives one."""

    network: Network
    technology: Technology
    tuning: Tuning
    x_train: Images
    y_train: Labels
    x_test: Images
    y_test: Labels
    vat: Network | None = None
    rewrite: Technology | None = None
    pulse_pJ: float | None = None

    def images(self, seed: int) -> tuple[NDArray[np.float32], Labels]:
        """The chip's own draw of training images."""
        pick = np.random.default_rng([seed, 3]).permutation(len(self.x_train))[: self.tuning.images]
        return scaled(self.x_train[pick]), self.y_train[pick]

    def fresh(self, seed: int) -> Chip:
        """Chip `seed` with the ideal network written once."""
        return Chip(self.network, self.technology, seed, self.rewrite)

    def judged(self, network: Network, chip: Chip | None) -> float:
        """Accuracy on the test images in per cent."""
        return accuracy(network, chip, self.x_test, self.y_test)


@dataclass(frozen=True)
class Result:
    """One method on one chip. writes: a cell, the first included; reads: vectors through a matrix, a matrix;
    energy_nJ: of all writes, None where the energy of a pulse is not known."""

    method: str
    chip: int
    accuracy: float
    writes: float
    reads: float
    verify_reads: float
    energy_nJ: float | None

    def as_json(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)


def result(job: Job, method: str, seed: int, chip: Chip) -> Result:
    """Judge the chip; what that reads is not the method's effort."""
    reads, before = [port.reads for port in chip.layers], chip.writes
    value = job.judged(chip.network, chip)
    for port, count in zip(chip.layers, reads, strict=True):
        port.reads = count
    energy = job.pulse_pJ or energy_of_a_pulse_pJ(job.technology.profile)
    verify = sum(getattr(port, "verify_reads", 0) for port in chip.layers)
    return Result(method, seed, value, before / chip.cells, sum(reads) / len(reads), verify / chip.cells,
                  None if energy is None else before * energy / 1000)  # fmt: skip


def tuned(job: Job, seed: int, method: str = "fine-tuned") -> Result:
    """Fine-tune chip `seed`."""
    chip = job.fresh(seed)
    images, labels = job.images(seed)
    fine_tune(chip, images, labels, job.tuning, seed)
    return result(job, method, seed, chip)


def every_method(job: Job, seed: int) -> list[Result]:
    """Untouched, VAT, R-V-W at the fine-tuned chip's writes (also with fitted gains and offsets), fine-tuned."""
    results = [result(job, "untouched", seed, job.fresh(seed))]
    if job.vat is not None:
        results.append(result(job, "vat", seed, Chip(job.vat, job.technology, seed)))
    fine = tuned(job, seed)
    chip = job.fresh(seed)
    read_verify_write(chip, fine.writes)
    results.append(result(job, "rvw", seed, chip))
    fit_all(job, chip, seed)
    results.append(result(job, "rvw-gains-biases", seed, chip))
    return [*results, fine]


def fit_all(job: Job, chip: Chip, seed: int) -> None:
    """Digital gains and offsets of every layer in closed form, from the same images."""
    images, _ = job.images(seed)
    ideal, rng = chip.network.forward(images), np.random.default_rng([seed, 1])
    for layer in range(len(chip.layers)):
        given = task(chip, layer, images, chip.network.answers(layer, ideal), job.tuning, rng)
        fit_columns(chip, layer, given, job.tuning)
