"""Memory and time of examples/classify.c: `python benchmarks/c_example.py [BUNDLE] [--json] [--runs N]`.

Builds the library and the example with a chip of the bundle in it (default: the LeNet-5 of the tests), then starts it
again and again from a small program that measures: the most memory resident, and the time from before the start
to the end, in which the cells are drawn and one image is classified. Median; the least beside it, for busy machines.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from firmware_py import Chip
from firmware_py.bundle import Bundle
from firmware_py.c_header import write_header

ROOT = Path(__file__).resolve().parents[1]
LENET = ROOT / "tests" / "data" / "mnist-lenet5.rram.safetensors"

# A process inherits the largest memory of the one that started it: started from Python, everything would have Python's.
MEASURE = r"""
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
int main(int argc, char **argv) {
    for (int i = atoi(argv[1]); i-- > 0 && argc > 2;) {
        struct timespec a, b;
        struct rusage used;
        int status;
        clock_gettime(CLOCK_MONOTONIC, &a);
        pid_t child = fork();
        if (child == 0) { fclose(stdout); execv(argv[2], argv + 2); _exit(127); }
        wait4(child, &status, 0, &used);
        clock_gettime(CLOCK_MONOTONIC, &b);
        if (status && !(WIFEXITED(status) && WEXITSTATUS(status) == 1)) return 1; /* 1: its words went nowhere */
        printf("%.6f %ld\n", (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec), used.ru_maxrss);
    }
    return 0;
}
"""


def built(folder: Path, bundle: Bundle) -> Path:
    """The example with a chip of the bundle, and its image x.pgm."""
    write_header(folder / "net.h", Chip(bundle, 0, "c"))
    make = ["make", "-s", "-C", str(ROOT / "firmware_py" / "core"), f"BUILD={folder / 'build'}", f"PREFIX={folder}"]
    subprocess.run([*make, "install"], check=True)
    (folder / "measure.c").write_text(MEASURE)
    for source in (ROOT / "examples" / "classify.c", folder / "measure.c"):
        command = ["gcc", "-O2", f"-I{folder}", f"-I{folder / 'include'}", str(source), "-o", str(folder / source.stem)]
        subprocess.run([*command, f"-L{folder / 'lib'}", "-lrram_core", "-lm"], check=True)
    height, width, channels = bundle.input_shape
    kind = b"P6" if channels == 3 else b"P5"
    image = bundle.golden_x[0] if len(bundle.golden_x) else np.zeros(bundle.input_shape, np.uint8)
    (folder / "x.pgm").write_bytes(kind + f" {width} {height} 255\n".encode() + image.tobytes())
    return folder / "classify"


def main() -> None:
    """Print both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", nargs="?", type=Path, default=LENET)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--json", action="store_true", help="figures as JSON instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = built(folder, Bundle.open(options.bundle))
        command = [str(folder / "measure"), str(options.runs), str(program), str(folder / "x.pgm")]
        rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
        size = program.stat().st_size
    seconds, memory = zip(*((float(a), int(b) / 1024) for a, b in map(str.split, rows)), strict=True)
    median, most = statistics.median(seconds), max(memory)
    figures = [{"name": "memory of the C example", "value": round(most, 2), "unit": "MB", "bar": 16, "met": most <= 16},
               {"name": "start to first prediction", "value": round(median, 5), "unit": "s", "bar": 0.02,
                "met": median <= 0.02, "least": min(seconds)},
               {"name": "size of the C example's file", "value": round(size / 2**20, 2), "unit": "MB", "bar": None,
                "met": None}]  # fmt: skip
    if options.json:
        print(json.dumps({"figures": figures}, indent=2))
        return
    for figure in figures:
        bar = "" if figure["bar"] is None else f" (at most {figure['bar']}: {'yes' if figure['met'] else 'NO'})"
        print(f"{figure['name']}: {figure['value']} {figure['unit']}{bar}")


if __name__ == "__main__":
    main()
