"""What the commands of `rram-edge` do, one function each; it takes the parsed options and returns the exit code."""

from __future__ import annotations

import json
import signal
import sys
import time
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firmware_py.bundle import Bundle
from firmware_py.cells import Effects
from firmware_py.chip import Chip
from firmware_py.clock import age_by_clock
from firmware_py.correction import AdaptConfig
from firmware_py.errors import RramError
from firmware_py.images import read_images
from firmware_py.replay import Replay
from firmware_py.state import StateHeader


def selftest(options: Namespace) -> int:
    """PASS or FAIL, line by line."""
    from firmware_py.selftest import selftest as run

    checks = run(Bundle.open(options.bundle), options.engine, options.seed)
    for check in checks:
        _say(options, str(check))
    failed = any(check.passed is False for check in checks)
    _emit(options, {"passed": not failed, "checks": [asdict(check) for check in checks]})
    return 1 if failed else 0


def predict(options: Namespace) -> int:
    """The class of each image."""
    chip = _open(options)
    batches = [(file, read_images(file, chip.bundle.input_shape)) for file in options.files]
    state = None if options.fresh else _restore(options, chip)
    if state is None:
        _note("the chip as programmed: no saved state (rram-edge calibrate makes one)")
    ideal = _reference(chip.bundle) if options.reference else None
    found = []
    for file, images in batches:
        logits = chip.logits_many(images)
        ideal_logits = ideal.predict(images) if ideal is not None else None
        for i, row in enumerate(logits):
            name = file if len(images) == 1 else f"{file}[{i}]"
            result = {"file": file, "index": i, **_class(chip.bundle, row)}
            text = f"{name}\t{result['name']}"
            if ideal_logits is not None:
                result["ideal"] = _class(chip.bundle, ideal_logits[i])
                text += f"\t(ideal: {result['ideal']['name']})"
            found.append(result)
            _say(options, text)
    _emit(options, {**_identity(chip), "predictions": found})
    return 0


def calibrate(options: Namespace) -> int:
    """Calibrate, say what was gained, save."""
    chip = _open(options)
    vectors = None if options.vectors is None else read_images(options.vectors, chip.bundle.input_shape)
    _restore(options, chip)
    report = chip.calibrate(vectors)
    folder = _state_folder(options)
    generation = chip.save(folder)
    for layer in report.layers:
        _say(options, f"{layer.name}: error {layer.before:.3f} -> {layer.after:.3f} of the ideal output's deviation")
    _say(options, f"calibrated on {report.vectors} unlabelled vectors; saved generation {generation} in {folder}")
    _emit(options, {**_identity(chip), **asdict(report), "state": str(folder), "generation": generation})
    return 0


def adapt(options: Namespace) -> int:
    """Predict, learn, keep score, save; a signal ends it cleanly."""
    from firmware_py.adapt import Adaptation, AdaptOptions
    from firmware_py.stopper import Stopper
    from firmware_py.stream import Decoder, open_stream, read_messages

    chip = _open(options)
    folder = _state_folder(options)
    if (options.fresh or _restore(options, chip) is None) and not options.no_calibrate:
        report = chip.calibrate()
        generation = chip.save(folder)
        _say(options, f"calibrated on {report.vectors} unlabelled vectors; saved generation {generation} in {folder}")
    if chip.replay.bytes:
        _note(f"replay: {chip.replay}")
    keys = ("report_every", "save_every", "window", "waiting")
    settings = AdaptOptions(**{key: getattr(options, key) for key in keys})
    run = Adaptation(chip, settings, folder, lambda line: _say(options, line),
                     saved=lambda: chip.refresh(_age(options, chip.bundle)))  # fmt: skip
    decoder = Decoder(chip.bundle.input_shape, len(chip.bundle.classes))
    with Stopper() as stopper, open_stream(options.stream) as file:
        run.run(stopper.until_stopped(read_messages(file, decoder)))
    if chip.watch:
        _say(options, f"guard: {chip.watch}")
    _say(options, f"writes: {run.wear()}")
    _say(options, f"end: {run.report()}" + (f"; generation {run.generation} in {folder}" if run.generation else ""))
    replay = {**asdict(chip.replay.options), "bytes": chip.replay.bytes}
    guard = chip.watch and {"absurd": chip.watch.absurd, "known": chip.watch.known, "undone": chip.watch.undone}
    _emit(options, {**_identity(chip), **run.summary(), "replay": replay, "guard": guard, "state": str(folder)})
    if run.error is not None:
        raise RramError(run.error)
    return 130 if stopper.signal == signal.SIGINT else 0


def explain(options: Namespace) -> int:
    """Signal to noise after each stage."""
    from firmware_py.explain import STAGES
    from firmware_py.explain import explain as run

    chip = _open(options)
    given = None if options.images is None else read_images(options.images, chip.bundle.input_shape)
    images = (chip.bundle.calibration_x if given is None else given)[: options.count]
    if options.calibrate:
        chip.calibrate()
    else:
        _restore(options, chip)
    layers = run(chip, images)
    _say(options, f"signal to noise in dB, {len(images)} images; each layer alone, then through all before it")
    stages = [stage for stage in STAGES if stage in layers[0].db]
    _say(options, f"{'layer':<20}" + "".join(f"{stage:>9}" for stage in stages) + "  clipped")
    for layer in layers:
        row = "".join(f"{layer.db[stage]:9.1f}" for stage in stages)
        _say(options, f"{layer.name:<20}{row} {layer.clipped:7.2f} %")
    _emit(options, {**_identity(chip), "images": len(images), "layers": [asdict(layer) for layer in layers]})
    return 0


def bench(options: Namespace) -> int:
    """Times and memory."""
    from firmware_py.bench import bench as run

    result = run(options.bundle, options.engine, options.seed)
    for key, value in result.items():
        _say(options, f"{key:<16} {value:.4g}" if isinstance(value, float) else f"{key:<16} {value}")
    _emit(options, result)
    return 0


def info(options: Namespace) -> int:
    """What a bundle holds."""
    from firmware_py.info import describe, lines

    summary = describe(Bundle.open(options.bundle), options.seed)
    for line in lines(summary):
        _say(options, line)
    _emit(options, summary)
    return 0


def c_header(options: Namespace) -> int:
    """The chip with its SRAM state as a C header."""
    from firmware_py.c_header import write_header

    options.engine = "c"  # whose structs are written down
    chip = _open(options)
    if options.fresh or _restore(options, chip) is None:
        _note("the chip as programmed: no saved state (rram-edge calibrate makes one)")
    written = write_header(options.output, chip, options.name, options.vectors)
    sizes = f"{written['data_bytes']} bytes of data, arena {written['arena_bytes']} bytes"
    _say(options, f"wrote {options.output}: {sizes}")
    _emit(options, {**_identity(chip), "header": options.output, **written})
    return 0


def _open(options: Namespace) -> Chip:
    effects = Effects(read_noise=not options.no_read_noise)
    settings = ("optimizer", "lr", "horizon", "rounding", "layers")
    given: dict[str, Any] = {key: getattr(options, key, None) for key in settings}
    replay = getattr(options, "replay", None)
    given["replay"] = None if replay is None else Replay.parse(replay)
    guard: dict[str, Any] = {"guard": None} if getattr(options, "no_guard", False) else {}
    config = AdaptConfig(**{key: value for key, value in given.items() if value is not None}, **guard)
    bundle = Bundle.open(options.bundle)
    chip = Chip(bundle, options.seed, options.engine, effects, config, _age(options, bundle),
                learning=not getattr(options, "no_learning", False))  # fmt: skip
    if options.engine == "auto" and chip.engine.name != "c":
        _note("working on the NumPy engine: the C core is not built (python -m firmware_py.build_core builds it)")
    return chip


def _age(options: Namespace, bundle: Bundle) -> float:
    """Seconds since programming, as the options say it now."""
    law, age_s = bundle.aging.drift, options.age
    if age_s == "clock":
        age_s = age_by_clock(_state_folder(options), StateHeader(bundle.digest, options.seed), time.time())
    if law is not None and age_s > law.to_s:
        _note(f"age {age_s:g} s: drift was measured to {law.to_s:g} s, and goes on as it did")
    return float(age_s)


def _state_folder(options: Namespace) -> Path:
    return Path(options.state or f"{options.bundle}.state/chip-{options.seed}")


def _restore(options: Namespace, chip: Chip) -> Any:
    found = chip.restore(_state_folder(options))
    if found is not None:
        _note(f"restored {found}")
    return found


def _reference(bundle: Bundle) -> Any:
    from firmware_py.reference import Reference

    reference = Reference(bundle)
    _note(f"ideal network on {reference.name}")
    return reference


def _class(bundle: Bundle, logits: npt.NDArray[np.float32]) -> dict[str, Any]:
    best = int(logits.argmax())
    return {"class": best, "name": bundle.classes[best], "logits": [float(value) for value in logits]}


def _identity(chip: Chip) -> dict[str, Any]:
    return {"digest": chip.bundle.digest, "chip_seed": chip.seed, "engine": chip.engine.name}


def _say(options: Namespace, line: str) -> None:
    """A line of the result: standard output, unless the JSON has that."""
    print(line, file=sys.stderr if options.json == "-" else sys.stdout, flush=True)


def _note(line: str) -> None:
    """A line beside the result."""
    print(f"rram-edge: {line}", file=sys.stderr, flush=True)


def _emit(options: Namespace, result: dict[str, Any]) -> None:
    if options.json is None:
        return
    text = json.dumps(result, indent=2) + "\n"
    if options.json == "-":
        sys.stdout.write(text)
    else:
        Path(options.json).write_text(text)
