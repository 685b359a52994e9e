"""Builds the C core as the extension firmware_py._core (cffi, API mode): by setup.py, or in place by hand:

python -m firmware_py.build_core        # needs a C compiler and Python's headers (Debian: gcc python3-dev)
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cffi import FFI

HERE = Path(__file__).resolve().parent
SOURCES = sorted((HERE / "core").glob("*.c"))
# No contraction: a fused multiply-add rounds once where numerics.md rounds twice. The errno of sqrtf is of no interest.
FLAGS = ["-std=c99", "-O3", "-ffp-contract=off", "-fno-math-errno", "-fvisibility=hidden",
         "-DRRAM_SCALAR"]  # beside NEON, too: the self-test and the tests compare every variant
STRIP = ["-s"] if sys.platform == "linux" else []  # Python's own flags ask for debug information: 1.4 MB of 1.5


def declarations() -> str:
    """What Python sees of the core: rram_core.h without preprocessor lines and comments."""
    text = re.sub(r"/\*.*?\*/", "", (HERE / "core" / "rram_core.h").read_text(encoding="utf-8"), flags=re.DOTALL)
    return "\n".join(line for line in text.splitlines() if line.strip() and not line.startswith("#"))


def builder(root: Path) -> FFI:
    """The cffi builder, with paths relative to `root` (setuptools wants them so)."""
    ffi = FFI()
    ffi.cdef(declarations())
    ffi.set_source(
        "firmware_py._core",
        '#include "rram_core.h"',
        sources=[os.path.relpath(path, root) for path in SOURCES],
        include_dirs=[os.path.relpath(HERE / "core", root)],
        # or setuptools takes objects of an earlier build where only a header has changed
        depends=[os.path.relpath(path, root) for path in sorted((HERE / "core").glob("*.h"))],
        extra_compile_args=FLAGS,
        extra_link_args=STRIP,
        libraries=["m"],
    )
    return ffi


def build(target: Path = HERE, extra: Sequence[str] = (), compiler: Sequence[str] = ()) -> Path:
    """Compile the extension into the folder `target`, without setuptools; the file. OSError without a compiler.

    `compiler`: another one than this Python's, for another machine, say.
    """
    compiler = compiler or shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")
    link = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    headers = {sysconfig.get_path("include"), sysconfig.get_path("platinclude"), str(HERE / "core")}
    out = target / "_core.abi3.so"
    with tempfile.TemporaryDirectory() as folder:
        glue, made = Path(folder) / "_core.c", Path(folder) / out.name
        builder(HERE).emit_c_code(str(glue))
        # the glue is generated and includes Python's headers, which are not C99
        parts = [*FLAGS[1:], *extra, "-fPIC", *(f"-I{path}" for path in sorted(headers)), *link, "-o", str(made)]
        subprocess.run([*compiler, *parts, str(glue), *map(str, SOURCES), "-lm"], check=True)
        moved = target / f".{out.name}.new"
        moved.write_bytes(made.read_bytes())
        moved.replace(out)  # a running process keeps the old file
    return out


def main() -> int:
    """Build in place and say where."""
    try:
        print(build())
    except (OSError, subprocess.CalledProcessError) as error:
        text = f"build_core: {error}; a C compiler and Python's headers are needed (Debian: gcc python3-dev)"
        print(text, file=sys.stderr)
        return 2
    return 0


ffibuilder = builder(HERE.parent)

if __name__ == "__main__":
    sys.exit(main())
