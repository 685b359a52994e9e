"""How large the C core is with -Os, by processor and file: `python benchmarks/core_size.py [--json]`.

Code and constants (sections .text, .rodata, .data.rel.ro) of all objects, before the linker leaves out what a program
does not call. KB are 1024 bytes. A compiler that is not installed is a line on standard error.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

CORE = Path(__file__).resolve().parents[1] / "firmware_py" / "core"
FLAGS = ["-std=c99", "-Os", "-ffp-contract=off", "-fno-math-errno", "-fno-asynchronous-unwind-tables",
         "-fno-unwind-tables"]  # as core/Makefile  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A processor: prefix of its tools, flags, and the size to stay under in KB (None: told, not judged)."""

    name: str
    tools: str
    flags: tuple[str, ...]
    bar: float | None


CORTEX = ("-mthumb", "-mfloat-abi=hard")
TARGETS = (
    Target("aarch64", "aarch64-linux-gnu-", (), 48),
    Target("Cortex-M4", "arm-none-eabi-", (*CORTEX, "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"), 32),
    Target("Cortex-M7", "arm-none-eabi-", (*CORTEX, "-mcpu=cortex-m7", "-mfpu=fpv5-d16"), None),
    Target("armv7", "arm-linux-gnueabihf-", (), None),
    Target("x86-64, five instruction sets", "", (), None),
)


def sizes(target: Target) -> dict[str, int]:
    """Bytes of each source file that gives any."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for source in sorted(CORE.glob("*.c")):
            made = Path(folder) / "x.o"
            command = [f"{target.tools}gcc", *FLAGS, *target.flags, "-c", str(source), "-o", str(made)]
            subprocess.run(command, check=True)
            said = subprocess.run([f"{target.tools}size", str(made)], check=True, capture_output=True, text=True)
            text, data, bss = map(int, said.stdout.splitlines()[1].split()[:3])
            assert bss == 0
            if text + data:
                found[source.name] = text + data  # data: constants with addresses in them, which a loader relocates
    return found


def main() -> None:
    """Print a table, or the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="figures as JSON instead")
    options = parser.parse_args()
    figures, columns = [], {}
    for target in TARGETS:
        if shutil.which(f"{target.tools}gcc") is None:
            print(f"core_size: {target.name}: {target.tools}gcc is not installed", file=sys.stderr)
            continue
        columns[target.name] = sizes(target)
        value = round(sum(columns[target.name].values()) / 1024, 1)
        figures.append({"name": f"size of the core, {target.name}, -Os", "value": value, "unit": "KB",
                        "bar": target.bar, "met": None if target.bar is None else value <= target.bar})  # fmt: skip
    if options.json:
        print(json.dumps({"figures": figures}, indent=2))
        return
    for name, files in columns.items():
        largest = sorted(files.items(), key=lambda item: -item[1])
        print(f"{name}: {', '.join(f'{file} {size}' for file, size in largest)}")
    for figure in figures:
        bar = "" if figure["bar"] is None else f" (at most {figure['bar']}: {'yes' if figure['met'] else 'NO'})"
        print(f"{figure['name']}: {figure['value']} KB{bar}")


if __name__ == "__main__":
    main()
