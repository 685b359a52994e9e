"""`rram stream` sends what `rram-edge adapt` reads: order, labels late or never, a sensor that changes, transports."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import firmware_py
from firmware_py.stream import Decoder, ImageMessage, LabelMessage
from host_tools.commands.stream import command
from host_tools.errors import HostError
from host_tools.sender import StreamPlan, lines, paced
from host_tools.shift import Shift
from tests.firmware_py.make_bundle import CONV, Synthetic, make_bundle

SHAPE = (2, 3, 1)
X = np.random.default_rng(0).integers(0, 256, (50, *SHAPE)).astype(np.uint8)
Y = np.arange(50) % 10
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(firmware_py.__file__).parents[1])}


def decoded(plan: StreamPlan) -> list[ImageMessage | LabelMessage]:
    """The stream as the board reads it."""
    return [Decoder(SHAPE, 10).decode(line) for line, _, _ in lines(X, Y, plan)]


def images(messages: list[Any]) -> np.ndarray:
    return np.array([message.x for message in messages if isinstance(message, ImageMessage)])


def test_in_the_order_of_the_data_set_with_the_label_in_the_message() -> None:
    messages = decoded(StreamPlan(shuffle=False, limit=20))
    np.testing.assert_array_equal(images(messages), X[:20])
    assert [message.label for message in messages] == Y[:20].tolist()
    assert len({message.id for message in messages}) == 20


def test_shuffled_by_the_seed() -> None:
    first, second, third = (images(decoded(StreamPlan(seed=seed))) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, third)
    np.testing.assert_array_equal(np.sort(first.reshape(-1)), np.sort(X.reshape(-1)))


@pytest.mark.parametrize("delay", [1, 7, 1000])
def test_labels_come_late(delay: int) -> None:
    """Label i comes straight after image i + delay, or at the end; nothing gets lost."""
    messages = decoded(StreamPlan(label_delay=delay, shuffle=False))
    seen = 0
    for message in messages:
        if isinstance(message, ImageMessage):
            assert message.label is None
            seen += 1
        else:
            assert isinstance(message.id, int)
            assert message.label == Y[message.id]
            assert seen == min(message.id + delay + 1, len(X))
    assert [m.id for m in messages if isinstance(m, LabelMessage)] == list(range(50))


def test_some_images_never_get_a_label() -> None:
    share = [message.label is not None for message in decoded(StreamPlan(label_share=0.3, seed=3))]
    assert 5 <= sum(share) <= 25
    assert not any(message.label is not None for message in decoded(StreamPlan(label_share=0)))
    late = decoded(StreamPlan(label_share=0.3, seed=3, label_delay=4))
    assert sum(isinstance(message, LabelMessage) for message in late) == sum(share)


def test_the_sensor_changes_after_n_images() -> None:
    found = images(decoded(StreamPlan(shift=Shift(0.5, 0.4), shift_after=30, shuffle=False)))
    np.testing.assert_array_equal(found[:30], X[:30])
    np.testing.assert_allclose(found[30:] / 255, 0.5 * X[30:] / 255 + 0.4, atol=0.5001 / 255)


def test_the_rate_is_kept() -> None:
    """A lower bound only: a busy machine may be slower than asked, never faster."""
    import time

    start = time.monotonic()
    assert len(list(paced(lines(X, Y, StreamPlan(limit=21)), rate=200))) == 21
    assert time.monotonic() - start >= 20 / 200


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(command, ["--data", "digits", *arguments])


def test_help_has_an_example() -> None:
    result = invoke("--help")
    assert result.exit_code == 0
    assert "rram stream --data mnist" in result.output


def test_to_a_file(tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    result = invoke("--to", str(tmp_path / "lines"), "--limit", "10", "--json", str(tmp_path / "result.json"))
    assert result.exit_code == 0
    decoder = Decoder((8, 8, 1), 10)
    messages = [decoder.decode(line) for line in (tmp_path / "lines").read_bytes().splitlines()]
    assert len(messages) == 10
    assert json.loads((tmp_path / "result.json").read_text()) == {
        "target": str(tmp_path / "lines"), "images": 10, "labels": 10,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("--shift", "blur:3"), "expected affine:SCALE,OFFSET"),
        (("--to", "tcp://nowhere"), "expected tcp://host:port"),
        (("--json", "-"), "expected a file here, or another --to"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], text: str) -> None:
    pytest.importorskip("sklearn")
    error = invoke(*arguments).exception
    assert isinstance(error, ValueError)
    assert text in str(error)


def test_a_port_in_use_is_one_line() -> None:
    pytest.importorskip("sklearn")
    with socket.create_server(("127.0.0.1", 0)) as server:
        error = invoke("--to", f"tcp://127.0.0.1:{server.getsockname()[1]}").exception
    assert isinstance(error, HostError)
    assert "Address already in use" in str(error)


def start_server(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """`rram stream` that listens, and the address that it says."""
    process = subprocess.Popen(
        [sys.executable, "-m", "host_tools.cli", "stream", "--data", "digits", "--to", "tcp://127.0.0.1:0", *arguments],
        stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("listening on tcp://127.0.0.1:"), line + process.stderr.read()
    return process, line.split()[-1]


def test_over_tcp_into_adapt(tmp_path: Path) -> None:
    """Both ends as processes: every image and label that was sent arrives, with labels late and some missing."""
    pytest.importorskip("sklearn")
    nodes = [*CONV[:-1], {"op": "dense", "name": "fc", "out": [10]}]
    bundle = make_bundle(tmp_path / "b", Synthetic(nodes=nodes))
    server, address = start_server("--limit", "120", "--label-delay", "5", "--label-share", "0.5", "--json",
                                   str(tmp_path / "sent.json"))  # fmt: skip
    adapt = ("adapt", str(bundle), "--stream", address, "--engine", "numpy", "--json", "-")
    board = subprocess.run(
        [sys.executable, "-m", "firmware_py", *adapt],
        stdout=subprocess.PIPE, text=True, env=ENVIRONMENT, check=True,
    )  # fmt: skip
    assert server.wait(60) == 0
    assert server.stderr is not None
    server.stderr.close()
    sent, got = json.loads((tmp_path / "sent.json").read_text()), json.loads(board.stdout)
    assert got["images"] == sent["images"] == 120
    assert got["labels"] == got["late"] == sent["labels"]
    assert got["waiting"] == 120 - sent["labels"]
    assert got["skipped"] == {}


def test_a_client_that_leaves_ends_the_stream() -> None:
    pytest.importorskip("sklearn")
    server, address = start_server()
    host, port = address.removeprefix("tcp://").split(":")
    link = socket.create_connection((host, int(port)))
    assert link.recv(100)
    link.close()
    assert server.wait(60) == 0
    assert server.stderr is not None
    assert "the reader closed the stream" in server.stderr.read()
    server.stderr.close()
