"""Installs one release on the board: `python3 install.pyz SOURCE DIR [--report]`.

SOURCE holds manifest.json and the files it names: DIR/releases/<id> itself after an upload, or a folder on a card.
The release gets a virtual environment (the system's Python is never touched, PEP 668) and must pass its self-test; only
then DIR/current moves to it, in one step. After any failure what ran before still runs. Exit 1 with 'error: ...'.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from .environment import build_core, make_environment
from .files import check_links, copy, current, free_mb, is_full, keep_state, locked, prune, switch, verified
from .process import Failure, NoSpace, last_line, quiet, step

SELFTEST_S = 900


def main(argv: list[str]) -> int:
    """Install, print the steps, and with --report the result as one JSON line."""
    source, root = Path(argv[1]).resolve(), Path(argv[2]).expanduser().absolute()
    try:
        with locked(root):
            result = install(source, root)
        if "--report" in argv:
            print("result: " + json.dumps(result), flush=True)
    except BrokenPipeError:  # the connection was cut, nobody reads; and nothing was switched
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Failure, OSError) as error:
        text = f"{error.strerror}: {error.filename or root}" if isinstance(error, OSError) else str(error)
        print(f"error: {' '.join(text.split())}", flush=True)
        return 1
    return 0


def install(source: Path, root: Path) -> dict:
    """Make the release in `source` the one that runs; returns what was done and the self-test's result."""
    manifest = verified(source)
    release, previous = root / "releases" / manifest["id"], current(root)
    result = {"environment": "kept", "core": "kept"}
    try:
        check_links(root)
        copy(source, release, manifest)
        keep_state(root, release, manifest)
        if not ready(release):
            (release / "selftest.json").unlink(missing_ok=True)
            result["environment"] = make_environment(release, release / manifest["wheel"])
            result["core"] = build_core(release, manifest["pure"])
        selftest = run_selftest(release, manifest["bundle"])
    except BaseException as error:
        full = is_full(error, root)
        if release != previous:  # a half-made environment goes; on a full disk all of the new release
            shutil.rmtree(release if full else release / "venv", ignore_errors=True)
        if full and not isinstance(error, NoSpace):
            raise NoSpace(f"no space left in {root} ({free_mb(root)} MB free); make room and flash again") from error
        raise
    if release == previous:
        step(f"{release.name} was there already and passes its self-test: nothing else to do")
    else:
        step(f"{root / 'current'} becomes {release.name}; start it with {root / 'rram-edge'}")
        switch(root, release)
        prune(root, keep={release, previous})
    return {**result, "selftest": selftest}


def ready(release: Path) -> bool:
    """Whether the release passed before and its Python still runs it (an upgrade of the system's Python breaks it)."""
    if not (release / "selftest.json").exists() or not (release / "venv/bin/python").exists():
        return False
    return quiet([release / "venv/bin/python", "-c", "import firmware_py"]).returncode == 0


def run_selftest(release: Path, bundle: str) -> dict:
    """`rram-edge selftest` of the release; Failure unless it passes."""
    step("self-test")
    report, part = release / "selftest.json", release / ".selftest.json.part"
    limit = ["timeout", SELFTEST_S] if shutil.which("timeout") else []
    done = quiet([*limit, release / "venv/bin/rram-edge", "selftest", release / bundle, "--json", part])
    if done.returncode:
        part.unlink(missing_ok=True)
        report.unlink(missing_ok=True)
        raise Failure(f"the self-test fails (exit {done.returncode}): {last_line(done.stdout)}")
    os.replace(part, report)
    result: dict = json.loads(report.read_text())
    return result
