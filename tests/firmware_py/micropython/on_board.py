"""What the MicroPython engine makes of a job, as text; run by MicroPython (on_board.py JOB), or imported.

It leans on nothing that MicroPython lacks. Numbers leave as hexadecimal digits of their bytes: no bit is lost.
"""

import gc
import json
import sys
from array import array


def report(job):
    """Cells, sums and logits of each image; then, with labels, the correction after learning; then a saved state.

    begin: a folder with the state to begin with.
    """
    from rram_edge import Chip, kernels

    chip = Chip(job["bundle"], job["seed"], job["read_noise"], **job.get("learning", {}))
    if "begin" in job:
        chip.restore(job["begin"])
    out = {"kernels": kernels.NAME, "cells": chip.cells_sha256(), "images": [], "before": []}
    for image in job["images"]:
        kept = dict.fromkeys(range(len(chip.nodes)))
        y = chip.run(chip.image(bytes(image)), kept)
        sums = [digits(s) for _, _, _, s in (kept[i] for i in sorted(kept)) if s is not None]
        same = digits(chip.logits_one(bytes(image))) == digits(y)  # the way that keeps nothing for learning
        out["images"].append({"sums": sums, "logits": digits(y), "same": same})
    for image, label in zip(job["images"], job.get("labels", [])):
        out["before"].append(chip.learn_one(bytes(image), label))
    out["correction"], out["counters"] = correction(chip), [chip.step, chip.read]
    if chip.learner and chip.learner.watch:
        watch = chip.learner.watch
        out["watch"], out["anchors"] = [watch.absurd, watch.known, watch.undone], list(watch.anchors)
    if "save" in job:
        chip.save(job["save"])
        out["generation"] = chip.save(job["save"])
    if "restore" in job:
        out["restored"] = chip.restore(job["restore"])
        out["correction"], out["counters"] = correction(chip), [chip.step, chip.read]
    return out


def correction(chip):
    """All numbers of the correction that a state may bring back; a network of integers has none."""
    keys = ("gain", "offset", "value", "ms", "a", "b")
    return [[digits(getattr(layer, key)) for key in keys] for layer in chip.layers if not layer.node.integer]


def kernel_runs(module, jobs):
    """What the integer kernels of `module` write in the first of their buffers; a job: [name, buffers, numbers]."""
    out = []
    for name, buffers, numbers in jobs:
        made = [bytearray(values) if code == "B" else array(code, values) for code, values in buffers]
        getattr(module, name)(*made, *numbers)
        out.append(digits(made[0]))
    return out


def digits(buffer):
    """Hexadecimal digits of a buffer's bytes."""
    return bytes(buffer).hex()


if __name__ == "__main__" and sys.implementation.name == "micropython":
    with open(sys.argv[1]) as job_file:
        given = json.load(job_file)
    if "kernels" in given:
        from rram_edge import viper

        print(json.dumps(kernel_runs(viper, given["kernels"])))
    elif "selftest" in given:
        from rram_edge.selftest import selftest

        print(json.dumps(selftest(given["selftest"])))
    elif "memory" in given:
        from rram_edge import Chip

        gc.collect()
        before = gc.mem_alloc()  # type: ignore[attr-defined]
        chip = Chip(given["memory"])
        gc.collect()
        print(json.dumps(gc.mem_alloc() - before))  # type: ignore[attr-defined]
    else:
        print(json.dumps(report(given)))
