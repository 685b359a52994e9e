"""The source of a stream: lines of JSON (docs/stream.md) from a data set, and where they go."""

from __future__ import annotations

import base64
import json
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.stream import parse_address
from host_tools.errors import HostError
from host_tools.shift import Shift

Send = Callable[[bytes], Any]


@dataclass(frozen=True)
class StreamPlan:
    """What a stream does to a data set."""

    limit: int | None = None  # images
    shift: Shift | None = None
    shift_after: int = 0  # images before the sensor changes
    label_delay: int = 0  # images between an image and its label; 0: in the same message
    label_share: float = 1.0  # of the images get a label
    shuffle: bool = True
    seed: int = 0


def lines(x: npt.NDArray[np.uint8], y: npt.NDArray[Any], plan: StreamPlan) -> Iterator[tuple[bytes, int, int]]:
    """(line, images in it, labels in it), in the order of the stream; ids count from 0 and name no label."""
    rng = np.random.default_rng(plan.seed)
    order = rng.permutation(len(x)) if plan.shuffle else np.arange(len(x))
    order = order[: plan.limit]
    labelled = rng.random(len(order)) < plan.label_share
    waiting: deque[tuple[int, int]] = deque()
    for number, index in enumerate(order):
        image = x[index]
        if plan.shift is not None and number >= plan.shift_after:
            image = np.rint(plan.shift(image) * 255).astype(np.uint8)
        message: dict[str, Any] = {"id": number, "x_b64": base64.b64encode(image.tobytes()).decode()}
        if labelled[number] and plan.label_delay == 0:
            yield _line({**message, "label": int(y[index])}), 1, 1
            continue
        yield _line(message), 1, 0
        if labelled[number]:
            waiting.append((number, int(y[index])))
        while waiting and waiting[0][0] <= number - plan.label_delay:
            yield _label(waiting.popleft())
    while waiting:
        yield _label(waiting.popleft())


def paced(items: Iterator[tuple[bytes, int, int]], rate: float | None) -> Iterator[tuple[bytes, int, int]]:
    """The same items, at most `rate` images a second."""
    start, images = time.monotonic(), 0
    for item in items:
        if rate is not None and item[1]:
            time.sleep(max(0.0, start + images / rate - time.monotonic()))
        images += item[1]
        yield item


@contextmanager
def open_target(target: str, say: Callable[[str], None]) -> Iterator[Send]:
    """A function that sends a line to '-' (standard output), a file, or the first client of tcp://host:port."""
    if target == "-":
        yield _unbuffered(sys.stdout.buffer)
    elif target.startswith("tcp://"):
        with _listen(target) as server:
            host, port = server.getsockname()[:2]
            say(f"listening on tcp://{host}:{port}")
            link, peer = server.accept()
            with closing(link):
                say(f"serving {peer[0]}")
                yield link.sendall
    else:
        with Path(target).open("wb") as file:
            yield _unbuffered(file)


def _listen(target: str) -> socket.socket:
    host, port = parse_address(target)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, reuse_port=False)
    except (OSError, UnicodeError) as error:
        raise HostError(f"--to: {target}: {getattr(error, 'strerror', None) or error}") from error


def _unbuffered(file: Any) -> Send:
    def send(line: bytes) -> None:
        file.write(line)
        file.flush()

    return send


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _label(item: tuple[int, int]) -> tuple[bytes, int, int]:
    return _line({"id": item[0], "label": item[1]}), 0, 1
