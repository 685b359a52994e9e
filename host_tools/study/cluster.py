"""Workers of a Dask scheduler, on any number of machines. A worker that dies costs time only: others do its chips."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any, TypeVar

from host_tools.errors import HostError
from host_tools.study.chips import Stock, StudyData
from host_tools.study.jobs import Job, Result, do_job
from host_tools.study.pool import ARRAYS

TIMEOUT_S = 5.0
Thing = TypeVar("Thing")


class Cluster:
    """The workers of the scheduler at `address` (tcp://host:port). Each needs this package and numpy, and no file."""

    def __init__(self, address: str, timeout_s: float = TIMEOUT_S) -> None:
        try:
            import distributed
        except ImportError:
            missing = f"--scheduler: {address}: Dask is not installed (pip install 'rram-edge[cluster]')"
            raise HostError(missing) from None
        self.address, self.timeout_s, self._dask = address, timeout_s, distributed
        with self._client():
            pass  # refuses now, not after the exports

    def results(
        self, jobs: Sequence[Job], stocks: Mapping[str, Stock], data: StudyData
    ) -> Iterator[tuple[Job, Result]]:
        """Do all jobs; HostError where the scheduler goes away, or a chip's workers keep dying."""
        lost = (self._dask.KilledWorker, CancelledError, OSError, TimeoutError)
        with self._client() as client:
            # results of a task, not scattered: what a lost worker held is made again from what the scheduler has
            stock = {d: client.submit(_as_it_is, s, key=f"rram-bundle-{d}") for d, s in stocks.items()}
            images = client.submit(_as_it_is, data, key=f"rram-images-{_digest(data)}")
            futures = {client.submit(do_job, job, stock[job.digest], images, pure=False): job for job in jobs}
            try:
                for future in self._dask.as_completed(futures, loop=client.loop):
                    yield futures[future], future.result()
            except lost as error:
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise HostError(f"--scheduler: {self.address}: {reason}") from None

    @contextmanager
    def _client(self) -> Iterator[Any]:
        """A client of the scheduler; HostError where it does not answer, or has no workers, within the time."""
        with _silent("distributed"):
            try:
                workers = asyncio.run(asyncio.wait_for(self._ask(), self.timeout_s))
            except Exception:  # whatever else listens there may answer with anything
                raise HostError(f"--scheduler: {self.address or 'nothing'} does not answer within {self.timeout_s:g} s "
                                "as a Dask scheduler, expected one such as tcp://host:8786") from None
            if not workers:
                raise HostError(f"--scheduler: {self.address} has no workers (dask worker {self.address})")
            client = self._dask.Client(self.address, timeout=self.timeout_s, set_as_default=False)
            try:
                yield client
            finally:
                client.close(timeout=self.timeout_s)

    async def _ask(self) -> int:
        """Number of workers of the scheduler."""
        from distributed.comm import connect

        link = await connect(self.address, timeout=self.timeout_s)
        try:
            await link.write({"op": "identity", "reply": True})
            return len((await link.read())["workers"])
        finally:
            link.abort()


def _as_it_is(thing: Thing) -> Thing:
    return thing


def _digest(data: StudyData) -> str:
    h = hashlib.sha256()
    for name in ARRAYS:
        h.update(getattr(data, name).tobytes())
    return h.hexdigest()


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """What a library logs is kept back; what goes wrong comes as an exception."""
    logger = logging.getLogger(name)
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
