"""An interrupted training ends as one in a piece; a checkpoint of another training, or a broken one, is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="needs the host extra")

from host_tools.backend import keras
from host_tools.errors import HostError
from host_tools.layers import RRAMDense
from host_tools.training.augment import Affine
from host_tools.training.checkpoint import Checkpoint
from host_tools.training.loop import fit
from tests.host_tools.profiles import charan
from tests.host_tools.training.test_loop import bars

OPTIONS: dict[str, Any] = {"epochs": 4, "batch": 16, "augment": Affine(5.0, 0.05, 0.5), "seed": 3, "ema": 0.9}


def network() -> Any:
    layers = [keras.layers.Flatten(), RRAMDense(4, charan(), 0.3, draws=2, seed=7)]
    model = keras.Sequential([keras.layers.Input((4, 4, 1)), *layers])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss)
    return model


class Interrupt(Exception):
    """Stands for Ctrl-C."""


def interrupted_after(epochs: float) -> Any:
    done = 0.0

    def advance(amount: float, note: str) -> None:
        nonlocal done
        done += amount
        if done > epochs:
            raise Interrupt

    return advance


def test_an_interrupted_training_ends_as_one_in_a_piece(tmp_path: Path) -> None:
    whole, parts = network(), network()
    parts.set_weights(whole.get_weights())
    first = parts.get_weights()
    fit(whole, bars(), **OPTIONS, advance=lambda amount, note: None)
    checkpoint = Checkpoint.beside(tmp_path / "m.keras", {"epochs": 4}, resume=False)
    with pytest.raises(Interrupt):
        fit(parts, bars(), **OPTIONS, advance=interrupted_after(2.5), checkpoint=checkpoint)
    again, notes = network(), []
    again.set_weights(first)
    resumed = Checkpoint.beside(tmp_path / "m.keras", {"epochs": 4}, resume=True)
    fit(again, bars(), **OPTIONS, advance=lambda amount, note: notes.append(note), checkpoint=resumed)
    assert notes[0] == "resumed after epoch 2"
    for one, other in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_another_training_is_not_gone_on_with(tmp_path: Path) -> None:
    output = tmp_path / "m.keras"
    fit(network(), bars(), **OPTIONS | {"epochs": 1}, advance=lambda amount, note: None,
        checkpoint=Checkpoint.beside(output, {"epochs": 1}, resume=False))  # fmt: skip
    with pytest.raises(HostError, match=r"interrupted training is kept there; give --resume to go on, or delete it"):
        Checkpoint.beside(output, {"epochs": 1}, resume=False)
    with pytest.raises(HostError, match="of a training with other options or data, expected the same"):
        Checkpoint.beside(output, {"epochs": 2}, resume=True).load(network())
    with pytest.raises(HostError, match=r"other\.keras\.partial\.npz does not exist"):
        Checkpoint.beside(tmp_path / "other.keras", {}, resume=True)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None])
def test_a_broken_checkpoint_is_one_line(tmp_path: Path, damage: bytes | None) -> None:
    checkpoint = Checkpoint.beside(tmp_path / "m.keras", {}, resume=False)
    model = network()
    fit(model, bars(), **OPTIONS | {"epochs": 1}, advance=lambda amount, note: None, checkpoint=checkpoint)
    data = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(data[: len(data) // 2] if damage is None else damage)
    with pytest.raises(HostError, match="not a checkpoint") as told:
        checkpoint.load(network())
    assert "\n" not in str(told.value)


def test_an_interrupted_command_says_how_to_go_on(tmp_path: Path) -> None:
    checkpoint, lines = Checkpoint.beside(tmp_path / "m.keras", {}, resume=False), []
    for exists, told in ((False, "nothing is kept"), (True, "the same command with --resume goes on")):
        if exists:
            checkpoint.path.write_bytes(b"")
        with pytest.raises(SystemExit) as stop, checkpoint.kept(lines.append):
            raise KeyboardInterrupt
        assert stop.value.code == 130 and told in lines[-1]
    kept = r"no number; the last good epoch is kept in .*m\.keras\.partial\.npz"
    with pytest.raises(HostError, match=kept), checkpoint.kept(lines.append):
        raise HostError("no number")
