"""What the MicroPython engine makes of a job, as text: run by MicroPython (micropython on_micropython.py JOB) or imported.

It leans on nothing that MicroPython lacks. Numbers leave as hexadecimal digits of their bytes: no bit is lost.
"""

import json
import sys
from array import array


def report(job):
    """Cells, sums and logits of each image; then, with labels, the correction after learning; then a saved state."""
    from rram_edge import Chip, kernels

    chip = Chip(job["bundle"], job["seed"], job["read_noise"], **job.get("learning", {}))
    out = {"kernels": kernels.NAME, "cells": chip.cells_sha256(), "images": [], "before": []}
    out["d"] = [digits(layer.cells.d) for layer in chip.layers]
    for image in job["images"]:
        kept = []
        y = chip.run(chip.image(bytes(image)), kept)
        sums = [digits(s) for _, _, _, s in kept if s is not None]
        same = digits(chip.logits_one(bytes(image))) == digits(y)  # the way that keeps nothing for learning
        out["images"].append({"sums": sums, "logits": digits(y), "same": same})
    for image, label in zip(job["images"], job.get("labels", [])):
        out["before"].append(chip.learn_one(bytes(image), label))
    out["correction"] = correction(chip)
    if "save" in job:
        chip.save(job["save"])
        out["generation"] = chip.save(job["save"])
    if "restore" in job:
        out["restored"] = chip.restore(job["restore"])
        out["correction"], out["counters"] = correction(chip), [chip.step, chip.read]
    return out


def correction(chip):
    """All numbers that learning changes."""
    return [[digits(getattr(layer, key)) for key in ("gain", "offset", "value", "ms")] for layer in chip.layers]


def kernel_runs(module, jobs):
    """Results of the integer kernels of `module` on given buffers: [name, buffers, numbers] each; [0] is what it fills."""
    out = []
    for name, buffers, numbers in jobs:
        made = [bytearray(values) if code == "B" else array(code, values) for code, values in buffers]
        getattr(module, name)(*made, *numbers)
        out.append(digits(made[0]))
    return out


def digits(buffer):
    """Hexadecimal digits of a buffer's bytes."""
    return "".join(["%02x" % byte for byte in bytes(buffer)])


if __name__ == "__main__" and sys.implementation.name == "micropython":
    with open(sys.argv[1]) as job_file:
        given = json.load(job_file)
    if "kernels" in given:
        from rram_edge import viper

        print(json.dumps(kernel_runs(viper, given["kernels"])))
    elif "selftest" in given:
        from rram_edge.selftest import selftest

        print(json.dumps(selftest(given["selftest"])))
    else:
        print(json.dumps(report(given)))
