"""What is on the board, as one JSON line: `python3 -c SOURCE DIR`. Changes nothing."""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path


def digest(path: Path) -> str:
    """SHA-256 of a file, '' if it cannot be read (a worn-out card): then it is sent again."""
    sha = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                sha.update(block)
    except OSError:
        return ""
    return sha.hexdigest()


def releases(root: Path) -> dict:
    """{release: {file: sha256}}: complete files only, the virtual environment aside."""
    folders = [d for d in (root / "releases").glob("*") if d.is_dir()]
    return {d.name: {f.name: digest(f) for f in d.iterdir() if f.is_file() and f.name[0] != "."} for d in folders}


def current(root: Path) -> dict:
    """The release that runs now: id, whether its Python can import the runtime, the self-test it passed."""
    link = root / "current"
    if not link.is_symlink():
        return {"id": None, "works": False, "selftest": None}
    try:
        command = [str(link / "venv/bin/python"), "-c", "import firmware_py"]
        works = subprocess.run(command, capture_output=True, timeout=120, cwd="/").returncode == 0
        selftest = json.loads((link / "selftest.json").read_text())
    except (OSError, ValueError, subprocess.SubprocessError):
        works, selftest = False, None
    return {"id": os.path.basename(os.readlink(link)), "works": works, "selftest": selftest}


def main(folder: str) -> None:
    """Print the answer."""
    root = Path(folder).expanduser().absolute()
    exists = next(p for p in (root, *root.parents) if p.exists())
    answer = {
        "python": sys.executable,
        "version": platform.python_version(),
        "soabi": sysconfig.get_config_var("SOABI"),
        "libc": list(platform.libc_ver()),
        "machine": platform.machine(),
        "root": str(root),
        "free": shutil.disk_usage(exists).free,
        "releases": releases(root),
        "current": current(root),
    }
    print("result: " + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
