"""How fast a study measures untouched chips, beside the ideal network in LiteRT on the same machine.

    python benchmarks/study_speed.py BUNDLE --data mnist --chips 40 --workers 2

Wall time is what a user waits, on a quiet machine; processor time (of all processes) is what the work takes however
busy the machine is. From both follows the time of 1,000 chips on `--workers` cores.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from statistics import median

from firmware_py.bundle import Bundle
from firmware_py.chip import Chip
from firmware_py.reference import Reference
from host_tools.data import load
from host_tools.quiet import quiet
from host_tools.study.chips import UNTOUCHED, ChipPlan, Stock, StudyData
from host_tools.study.jobs import Job, Workers, run_jobs
from host_tools.study.pool import workers_for
from host_tools.study.run import study_data

MANY = 1000  # chips


def processor_s() -> float:
    """Processor time in s of this process and of those it waited for."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in both)


def timed(workers: Workers, bundle: Bundle, data: StudyData, chips: int) -> tuple[float, float]:
    """Wall and processor time in s of a study of `chips` untouched chips."""
    stock = Stock(bundle)
    jobs = [Job(i, bundle.digest, ChipPlan(bundle.path, UNTOUCHED), i) for i in range(chips)]
    wall, processor = time.perf_counter(), processor_s()
    for _ in run_jobs(workers, jobs, {bundle.digest: stock}, data):
        pass
    return time.perf_counter() - wall, processor_s() - processor


def draw_s(bundle: Bundle, chips: int = 50) -> float:
    """Processor time in s of drawing one chip's cells."""
    Chip(bundle)
    start = time.process_time()
    for seed in range(chips):
        Chip(bundle, seed=seed)
    return (time.process_time() - start) / chips


def beside_litert(bundle: Bundle, data: StudyData, rounds: int = 7, images: int = 1000) -> tuple[float, float]:
    """Processor time in s of an image in LiteRT (one thread, the bare run), and how many times that a chip takes.

    Medians over rounds in which both take turns.
    """
    chip = Chip(bundle)
    with quiet():
        run = Reference(bundle).prepared(data.x_test[0])
        run()
    ideal, ratios = [], []
    for _ in range(rounds):
        start = time.process_time()
        chip.predict_many(data.x_test[:images])
        between = time.process_time()
        for _ in range(images):
            run()
        ideal.append((time.process_time() - between) / images)
        ratios.append((between - start) / (ideal[-1] * len(data.x_test[:images])))
    return median(ideal), median(ratios)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--data", default="mnist")
    parser.add_argument("--data-dir")
    parser.add_argument("--chips", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    bundle, data = Bundle.open(given.bundle), study_data(load(given.data, given.data_dir))
    images = len(data.y_test)
    start = timed(workers_for(given.workers, given.workers), bundle, StudyData(
        data.x_test[:1], data.y_test[:1], data.x_stream, data.y_stream), given.workers)  # fmt: skip
    wall, processor = timed(workers_for(given.workers, given.chips), bundle, data, given.chips)
    a_chip = (processor - start[1]) / given.chips
    size = f"{given.chips} chips x {images:,} images, {given.workers} workers"
    print(f"{size}: {wall:.1f} s, processor {processor:.1f} s")
    print(f"starting the workers: {start[0]:.1f} s, processor {start[1]:.1f} s")
    print(f"a chip: processor {a_chip:.3f} s, {1e6 * a_chip / images:.1f} us an image")
    cells = sum(layer.levels.size for layer in bundle.layers)
    print(f"of it drawing {cells:,} cells: {1e3 * draw_s(bundle):.1f} ms")
    ideal, ratio = beside_litert(bundle, data)
    print(f"LiteRT, one thread: {1e6 * ideal:.1f} us an image; a chip takes {ratio:.2f} times as long")
    quiet_s = (MANY * a_chip + start[1]) / given.workers
    print(f"{MANY:,} chips: {quiet_s:.0f} s on {given.workers} quiet cores (from processor time); "
          f"{wall * MANY / given.chips:.0f} s at the pace of this run")


if __name__ == "__main__":
    main()
