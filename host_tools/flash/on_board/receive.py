"""Takes one file from standard input: `python3 -c SOURCE PATH SIZE SHA256`; its final name is whole or absent."""

import hashlib
import os
import sys
from pathlib import Path


def receive(path: Path, size: int, sha256: str) -> str:
    """Write standard input to `path` by way of a temporary name; return '' or what is wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    sha, got = hashlib.sha256(), 0
    try:
        with open(part, "wb") as file:
            while block := sys.stdin.buffer.read(65536):
                file.write(block)
                sha.update(block)
                got += len(block)
            file.flush()
            os.fsync(file.fileno())
        if got != size or sha.hexdigest() != sha256:
            return f"{path.name} arrived damaged: {got} bytes, expected {size} with sha256 {sha256[:12]}..."
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return ""


if __name__ == "__main__":
    try:
        problem = receive(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
    except OSError as error:
        problem = f"cannot write {sys.argv[1]} on the board: {error.strerror}"
    if problem:
        sys.exit(f"error: {problem}")
