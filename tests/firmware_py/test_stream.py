"""Lines of JSON become messages; what cannot be used is named and skipped; sources open and fail in one line."""

from __future__ import annotations

import base64
import io
import json
import socket
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from firmware_py.errors import RramError
from firmware_py.stream import BadLine, Decoder, ImageMessage, LabelMessage, open_stream, parse_address, read_messages

DECODER = Decoder(shape=(2, 3, 1), classes=10)
FLAT = [0, 255, 7, 8, 9, 10]
IMAGE = np.array(FLAT, np.uint8).reshape(2, 3, 1)


def messages(data: bytes) -> list:
    return list(read_messages(io.BytesIO(data), DECODER))


@pytest.mark.parametrize(
    "image",
    [
        {"x": FLAT},
        {"x": IMAGE.tolist()},
        {"x_b64": base64.b64encode(bytes(FLAT)).decode()},
    ],
)
@pytest.mark.parametrize(("extra", "name", "label"), [
    ({"id": 17, "label": 3}, 17, 3), ({"id": "a", "label": None}, "a", None), ({"other": 1}, None, None),
])  # fmt: skip
def test_an_image_in_each_form(image: dict, extra: dict, name: str | int | None, label: int | None) -> None:
    message = DECODER.decode(json.dumps(image | extra).encode())
    assert isinstance(message, ImageMessage)
    assert (message.id, message.label) == (name, label)
    assert message.x.dtype == np.uint8
    np.testing.assert_array_equal(message.x, IMAGE)


def test_a_label_alone() -> None:
    assert DECODER.decode(b'{"id": 18, "label": 9}') == LabelMessage(18, 9)


@pytest.mark.parametrize(
    ("line", "kind", "text"),
    [
        (b"{", "json", "not JSON"),
        (b"\xff\xfe", "json", "not JSON"),
        (b"[" * 4000, "json", "not JSON"),
        (b"[1, 2]", "json", "list given, expected an object"),
        (b"{}", "fields", "expected 'x' or 'x_b64'"),
        (b'{"id": 1}', "fields", "expected 'x' or 'x_b64'"),
        (b'{"label": 1}', "fields", "expected 'x' or 'x_b64'"),
        (b'{"id": 1, "label": 10}', "label", "label: 10 given, expected a whole number from 0 to 9"),
        (b'{"id": 1, "label": -1}', "label", "label: -1 given"),
        (b'{"id": 1, "label": true}', "label", "label: True given"),
        (b'{"id": 1, "label": 1.0}', "label", "label: 1.0 given"),
        (b'{"id": 1, "label": "3"}', "label", "label: '3' given"),
        (b'{"id": 1.5, "x": [0, 0, 0, 0, 0, 0]}', "id", "id: float given"),
        (b'{"id": [1], "x": [0, 0, 0, 0, 0, 0]}', "id", "id: list given"),
        (b'{"x": [0, 0, 0]}', "shape", r"x: shape \[3\] given, expected \[2, 3, 1\] or 6 numbers"),
        (b'{"x": [[0, 0, 0], [0, 0, 0]]}', "shape", r"x: shape \[2, 3\] given"),
        (b'{"x": [[0, 0], [0, 0, 0]]}', "shape", r"x: (a ragged list|shape \[2\]) given"),
        (b'{"x": 5}', "shape", r"x: shape \[\] given"),
        (b'{"x": null}', "shape", r"x: shape \[\] given"),
        (b'{"x": [0, 0, 0, 0, 0, 256]}', "values", "whole numbers from 0 to 255"),
        (b'{"x": [0, 0, 0, 0, 0, -1]}', "values", "whole numbers from 0 to 255"),
        (b'{"x": [0, 0, 0, 0, 0, 0.5]}', "values", "whole numbers from 0 to 255"),
        (b'{"x": [0, 0, 0, 0, 0, NaN]}', "values", "whole numbers from 0 to 255"),
        (b'{"x": [0, 0, 0, 0, 0, null]}', "values", "whole numbers from 0 to 255"),
        (b'{"x": [0, 0, 0, 0, 0, "1"]}', "values", "whole numbers from 0 to 255"),
        (b'{"x": [0, 0, 0, 0, 0, 1e400]}', "values", "whole numbers from 0 to 255"),
        (b'{"x": [0, 0, 0, 0, 0, 99999999999999999999999]}', "values", "whole numbers from 0 to 255"),
        (b'{"x_b64": "AA=="}', "shape", "x_b64: 1 bytes given, expected 6"),
        (b'{"x_b64": "AAAA*AAA"}', "values", "x_b64: not base64"),
        (b'{"x_b64": 7}', "values", "x_b64: not base64"),
    ],
)
def test_a_malformed_line_is_named_and_the_next_one_is_read(line: bytes, kind: str, text: str) -> None:
    bad, good = messages(b"\n" + line + b'\n{"id": 1, "label": 1}\n')
    assert isinstance(bad, BadLine)
    assert bad.kind == kind
    with pytest.raises(BadLine, match=f"^line 2: .*{text}"):
        raise bad
    assert "\n" not in str(bad)
    assert good == LabelMessage(1, 1)


def test_a_line_that_is_too_long_is_read_past_without_being_held() -> None:
    class Endless:
        """16 MB without a newline, then a label; refuses to be asked for a large piece."""

        def __init__(self) -> None:
            self.pieces = [*(256 * [65536 * b"["]), b"[\n", b'{"id": 1, "label": 1}\n', b""]

        def readline(self, size: int) -> bytes:
            assert 0 < size <= 65536
            return self.pieces.pop(0)[:size]

    bad, good = read_messages(Endless(), DECODER)  # type: ignore[arg-type]
    assert isinstance(bad, BadLine)
    assert bad.kind == "too long"
    assert good == LabelMessage(1, 1)


def test_the_longest_honest_line_is_not_too_long() -> None:
    line = json.dumps({"id": "x" * 1000, "x": np.full((2, 3, 1), 255).tolist(), "label": 9}, indent=None).encode()
    assert len(line) < DECODER.max_line
    assert isinstance(messages(line)[0], ImageMessage)


def test_random_lines_never_raise() -> None:
    given, strategies = pytest.importorskip("hypothesis").given, pytest.importorskip("hypothesis.strategies")
    leaf = strategies.none() | strategies.booleans() | strategies.integers() | strategies.floats() | strategies.text()
    value = strategies.recursive(leaf, lambda inner: strategies.lists(inner, max_size=6), max_leaves=10)
    objects = strategies.fixed_dictionaries({}, optional=dict.fromkeys(("id", "x", "x_b64", "label"), value))
    lines = strategies.binary() | objects.map(lambda message: json.dumps(message).encode())

    @given(lines)
    def check(line: bytes) -> None:
        for message in messages(line):
            assert isinstance(message, ImageMessage | LabelMessage | BadLine)
            if isinstance(message, ImageMessage):
                assert message.x.shape == DECODER.shape

    check()


def test_a_file_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "lines").write_text('{"id": 1, "label": 1}\n{"id": 2, "label": 2}')  # the last newline may be missing
    with open_stream(str(tmp_path / "lines")) as file:
        assert [message.label for message in read_messages(file, DECODER)] == [1, 2]


def test_a_tcp_server_is_a_source_and_messages_arrive_one_by_one() -> None:
    """The second line is sent only after the first was received: nothing waits for a buffer to fill."""
    received = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            link, _ = server.accept()
            with link:
                link.sendall(b'{"id": 1, "la')
                time.sleep(0.01)
                link.sendall(b'bel": 1}\n')
                assert received.wait(10)
                link.sendall(b'{"id": 2, "label": 2}\n')

        thread = threading.Thread(target=serve)
        thread.start()
        found = []
        with open_stream(f"tcp://127.0.0.1:{server.getsockname()[1]}") as file:
            for message in read_messages(file, DECODER):
                found.append(message)
                received.set()
        thread.join()
    assert found == [LabelMessage(1, 1), LabelMessage(2, 2)]


def test_a_connection_that_breaks_is_one_line() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    with server, open_stream(f"tcp://127.0.0.1:{server.getsockname()[1]}") as file:
        link, _ = server.accept()
        link.sendall(b'{"id": 1, "label": 1}\n')
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # close with a reset
        stream = read_messages(file, DECODER)
        assert next(stream) == LabelMessage(1, 1)
        link.close()
        with pytest.raises(RramError, match="stream: reading failed: Connection reset by peer"):
            next(stream)


@pytest.mark.parametrize("source", ["tcp://", "tcp://host", "tcp://host:", "tcp://:1", "tcp://host:x", "tcp://host:99999"])
def test_an_address_that_is_none(source: str) -> None:
    with pytest.raises(RramError, match="expected tcp://host:port"), open_stream(source):
        pass


def test_addresses() -> None:
    assert parse_address("tcp://board.local:5000") == ("board.local", 5000)
    assert parse_address("tcp://[::1]:80") == ("::1", 80)


def test_a_source_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    for source, text in [
        (f"tcp://127.0.0.1:{port}", "Connection refused"),
        (str(tmp_path / "absent"), "No such file or directory"),
        (str(tmp_path), "Is a directory"),
    ]:
        with pytest.raises(RramError, match=f"^stream: {source}: {text}$"), open_stream(source):
            pass
