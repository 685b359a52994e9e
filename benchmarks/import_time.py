"""How much longer `import firmware_py` takes than `import numpy`: fresh processes in turns, medians. Not a test.

    python benchmarks/import_time.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time


def seconds(statement: str) -> float:
    """Wall time of a fresh interpreter that runs `statement`."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", statement], check=True)
    return time.perf_counter() - start


def main() -> None:
    """Print both medians and the median of the differences of neighbours."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    pairs = [(seconds("import numpy"), seconds("import firmware_py")) for _ in range(rounds + 1)][1:]
    numpy, ours = (statistics.median(times) for times in zip(*pairs, strict=True))
    more = statistics.median(b - a for a, b in pairs)
    print(f"import numpy {numpy:.3f} s, import firmware_py {ours:.3f} s: {more:.3f} s more (goal: at most 0.15)")


if __name__ == "__main__":
    main()
