"""Install an aarch64 wheel in an emulated Debian and run it: `python benchmarks/aarch64_root.py WHEEL [BUNDLE]`.

Downloads Debian's Python, NumPy and cffi for arm64 (about 100 MB, no root rights, nothing is installed here), unpacks
them in a temporary folder (--root keeps it), lets pip install the wheel there as for such a machine, and runs the
self-test with qemu-aarch64-static: the C core under Python on the other processor, against the bundle's golden vectors.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BUNDLE = ROOT / "tests" / "data" / "mnist-lenet5.rram.safetensors"
PACKAGES = ["python3-minimal", "python3-numpy", "python3-cffi-backend", "python3-cffi"]
QEMU = "qemu-aarch64-static"
PIP = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--implementation=cp",
       "--python-version=3.11", "--platform=manylinux2014_aarch64", "--abi=abi3"]  # fmt: skip
TELL = """
import platform, numpy
from firmware_py import c_engine
print(platform.machine(), "Python", platform.python_version(), "NumPy", numpy.__version__, *c_engine.variants())
"""


def make_root(root: Path) -> None:
    """Unpack the packages and all that they need; apt works in folders of its own, for another architecture."""
    own = root / "apt"
    for name in ("lists/partial", "archives/partial"):
        (own / name).mkdir(parents=True)
    (own / "status").touch()
    said = {"APT::Architecture": "arm64", "APT::Architectures": "arm64", "APT::Install-Recommends": "0",
            "APT::Sandbox::User": "root", "Debug::NoLocking": "1", "Dir::Cache": own,
            "Dir::State::Lists": own / "lists", "Dir::State::status": own / "status"}  # fmt: skip
    settings = [word for key, value in said.items() for word in ("-o", f"{key}={value}")]
    subprocess.run(["apt-get", *settings, "-qq", "update"], check=True)
    subprocess.run(["apt-get", *settings, "-qq", "-y", "--download-only", "install", *PACKAGES], check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip
    for package in sorted((own / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(package), str(root)], check=True)
    shutil.rmtree(own)
    for name in ("blas", "lapack"):  # what Debian's alternatives would link
        folder = root / "usr/lib/aarch64-linux-gnu"
        (folder / f"lib{name}.so.3").symlink_to(f"{name}/lib{name}.so.3")


def run(root: Path, *words: str) -> None:
    """Run that Python; the wheel lies in /opt/wheel of the root."""
    environment = {**os.environ, "PYTHONPATH": f"{root}/opt/wheel:{root}/usr/lib/python3/dist-packages",
                   "PYTHONHOME": f"{root}/usr"}  # fmt: skip
    environment.pop("VIRTUAL_ENV", None)
    python = next((root / "usr/bin").glob("python3.??"))
    command = [QEMU, "-L", str(root), str(python), *words]
    subprocess.run(command, check=True, env=environment, cwd=root / "opt")  # not in a checkout: the wheel is imported


def main() -> None:
    """Make the root, unpack the wheel, run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("bundle", nargs="?", type=Path, default=BUNDLE)
    parser.add_argument("--root", type=Path, help="folder of the root, made where it is not there")
    options = parser.parse_args()
    if "aarch64" not in options.wheel.name:
        sys.exit(f"{options.wheel.name} given, expected a wheel for aarch64")
    with tempfile.TemporaryDirectory() as name:
        root = (options.root or Path(name) / "root").resolve()
        if not (root / "usr/bin").exists():
            root.mkdir(parents=True, exist_ok=True)
            make_root(root)
        shutil.rmtree(root / "opt/wheel", ignore_errors=True)
        subprocess.run([*PIP, "--target", str(root / "opt/wheel"), str(options.wheel)], check=True)
        run(root, "-c", TELL)
        run(root, "-m", "firmware_py", "selftest", "--engine", "c", str(options.bundle.resolve()))


if __name__ == "__main__":
    main()
