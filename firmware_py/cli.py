"""`rram-edge`: the board's command line. It parses, calls, and turns errors into one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from firmware_py.errors import RramError

MOST_SECONDS = 1e12  # firmware_py.aging's, which loads NumPy
DESCRIPTION = "Run a bundle on an emulated RRAM chip, and repair it by updating only its small SRAM correction."


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Help that fits a screen."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=30, width=110)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, as all errors of this command are."""

    def error(self, message: str) -> NoReturn:
        """Print and leave with exit code 2."""
        print(f"{self.prog}: {message} (see {self.prog} --help)", file=sys.stderr)
        sys.exit(2)


def build_parser() -> Parser:
    """The whole command line."""
    parser = Parser("rram-edge", description=DESCRIPTION, epilog="Example: rram-edge selftest lenet5.rram.safetensors",
                    formatter_class=Formatter, allow_abbrev=False)  # fmt: skip
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_selftest, _predict, _calibrate, _adapt, _explain, _bench, _info, _c_header):
        add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run `rram-edge`. Exit codes: 0 done, 1 self-test failed, 2 a mistake (one line on stderr), 130 interrupted."""
    arguments = build_parser().parse_args(argv)
    try:
        code = arguments.run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # `| head` has seen enough; keep the interpreter from complaining when it flushes
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    except (RramError, OSError, MemoryError) as error:
        print(f"rram-edge: {_line(error)}", file=sys.stderr)
        code = 2
    sys.exit(code)


def _command(commands: Any, name: str, text: str, example: str) -> Parser:
    """A command with what all commands have: BUNDLE, --json, and the function of the same name in commands.py."""
    parser: Parser = commands.add_parser(name, help=text, description=text, epilog=f"Example: rram-edge {example}",
                                         formatter_class=Formatter, allow_abbrev=False)
    parser.add_argument("bundle", metavar="BUNDLE", help="bundle file (.rram.safetensors)")
    parser.add_argument("--json", metavar="FILE", help="write the result as JSON ('-': standard output)")

    def run(arguments: argparse.Namespace) -> int:
        from firmware_py import commands as functions

        function: Callable[[argparse.Namespace], int] = getattr(functions, name.replace("-", "_"))
        return function(arguments)

    parser.set_defaults(run=run)
    return parser


def _add_chip(parser: Parser) -> None:
    _add_seed(parser, "which chip: the seed of its cells (default 0)", 0)
    _add_engine(parser)
    _add_cells(parser)


def _add_cells(parser: Parser) -> None:
    parser.add_argument("--no-read-noise", action="store_true", help="read the cells without noise")
    parser.add_argument("--age", metavar="SECONDS", type=_age, default=0.0,
                        help="since programming; 'clock': by the state folder's (default 0)")  # fmt: skip
    parser.add_argument("--state", metavar="DIR", help="folder of the SRAM state (default BUNDLE.state/chip-N)")


def _add_layers(parser: Parser) -> None:
    parser.add_argument("--layers", metavar="N", type=_positive, help="only the last N layers learn: less memory")


def _add_seed(parser: Parser, text: str, default: int | None = None) -> None:
    parser.add_argument("--chip-seed", "--seed", dest="seed", metavar="N", type=_natural, default=default, help=text)


def _add_engine(parser: Parser) -> None:
    parser.add_argument("--engine", choices=("auto", "c", "numpy"), default="auto",
                        help="what computes (default auto: the C core where it is built)")  # fmt: skip


def _selftest(commands: Any) -> None:
    parser = _command(commands, "selftest", "Check that this machine computes what the bundle's golden vectors say.",
                      "selftest lenet5.rram.safetensors")  # fmt: skip
    _add_seed(parser, "also check that both engines agree on chip N")
    _add_engine(parser)


def _predict(commands: Any) -> None:
    parser = _command(commands, "predict", "Print the class of each image; a saved SRAM state is restored first.",
                      "predict lenet5.rram.safetensors seven.png digits.npy")  # fmt: skip
    parser.add_argument("files", metavar="FILE", nargs="+", help="images: .npy .json (one or a batch), .pgm .ppm .png")
    parser.add_argument("--fresh", action="store_true", help="the chip as programmed: no saved state")
    parser.add_argument("--reference", action="store_true", help="also the ideal network's class (TFLite interpreter)")
    _add_chip(parser)


def _calibrate(commands: Any) -> None:
    parser = _command(commands, "calibrate", "Calibrate the chip without labels, in closed form; save its SRAM state.",
                      "calibrate lenet5.rram.safetensors --chip-seed 3")  # fmt: skip
    parser.add_argument("--vectors", metavar="FILE", help="unlabelled images (default: the vectors in the bundle)")
    _add_chip(parser)


def _adapt(commands: Any) -> None:
    parser = _command(commands, "adapt", "Predict each image of a stream, learn when its label comes, save.",
                      "adapt lenet5.rram.safetensors --stream tcp://camera:5000 --save-every 200")  # fmt: skip
    parser.usage = "%(prog)s BUNDLE --stream SOURCE [OPTION ...]"  # all of them would fill five lines
    parser.add_argument("--stream", metavar="SOURCE", required=True,
                        help="lines of JSON (docs/stream.md): '-' (standard input), FILE, tcp://host:port")  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="start as programmed, not from a saved state")
    parser.add_argument("--no-calibrate", action="store_true", help="no calibration where there is no saved state")
    for option, default, text in (
        ("--save-every", 500, "labels between two saves"),
        ("--report-every", 100, "labels between two lines of progress"),
        ("--window", 200, "labels in the sliding accuracy"),
        ("--waiting", 1000, "images kept for labels that come late"),
    ):
        parser.add_argument(option, metavar="N", type=_positive, default=default, help=f"{text} (default {default})")
    for option, text, words in (
        ("--optimizer", "how labels change the SRAM", ("rms", "sgd", "sign", "momentum", "rls")),
        ("--rounding", "codes at a save, or each step", ("save", "stochastic", "nearest")),
    ):
        described = f"{text}: {', '.join(words)} (default {words[0]})"
        parser.add_argument(option, metavar="WORD", choices=words, help=described)
    parser.add_argument("--lr", metavar="X", type=float, help="learning rate")
    parser.add_argument("--horizon", metavar="N", type=_positive, help="labels over which the learning rate falls")
    parser.add_argument("--replay", metavar="N[:K]",
                        help="images kept, and learned again with each label; 0: none (default 64:4)")  # fmt: skip
    _add_layers(parser)
    parser.add_argument("--no-guard", action="store_true", help="learn every label, undo nothing")
    _add_chip(parser)


def _explain(commands: Any) -> None:
    text = "What each effect of the macro costs: signal to noise of every layer, stage by stage."
    parser = _command(commands, "explain", text, "explain lenet5.rram.safetensors --calibrate")
    parser.add_argument("--images", metavar="FILE", help="images (default: the vectors in the bundle)")
    parser.add_argument("--count", metavar="N", type=_positive, default=16, help="at most so many images (default 16)")
    parser.add_argument("--calibrate", action="store_true", help="calibrate first, in memory; no saved state is read")
    _add_chip(parser)


def _bench(commands: Any) -> None:
    text = "Measure time and memory: this runtime, and the ideal network on a TFLite interpreter."
    parser = _command(commands, "bench", text, "bench lenet5.rram.safetensors --json bench.json")
    _add_seed(parser, "which chip: the seed of its cells (default 0)", 0)
    _add_engine(parser)


def _info(commands: Any) -> None:
    parser = _command(commands, "info", "Say what a bundle holds: layers, cells, SRAM, profile, origin.",
                      "info lenet5.rram.safetensors")  # fmt: skip
    _add_seed(parser, "also the digest of the cells of chip N: equal digests are equal chips")


def _c_header(commands: Any) -> None:
    text = "Write the chip as a C header, for a program in C without Python (docs/portability.md)."
    parser = _command(commands, "c-header", text, "c-header lenet5.rram.safetensors --chip-seed 3 -o net.h")
    parser.add_argument("-o", "--output", metavar="FILE", required=True, help="header file to write")
    parser.add_argument("--name", default="net", help="what its names begin with (default net)")
    parser.add_argument("--vectors", metavar="N", type=_natural, default=0,
                        help="also N of the bundle's calibration vectors (default 0)")  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="the chip as programmed: no saved state")
    _add_layers(parser)
    parser.add_argument("--no-learning", action="store_true", help="no memory for learning: it predicts and calibrates")
    _add_seed(parser, "which chip: the seed of its cells (default 0)", 0)
    _add_cells(parser)


def _age(text: str) -> float | str:
    try:
        if text == "clock" or 0 <= float(text) <= MOST_SECONDS:
            return text if text == "clock" else float(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to {MOST_SECONDS:g}, nor 'clock'")


def _natural(text: str) -> int:
    return _whole(text, 0)


def _positive(text: str) -> int:
    return _whole(text, 1)


def _whole(text: str, least: int) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least}")
    return int(text)


def _line(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error) or ("out of memory" if isinstance(error, MemoryError) else type(error).__name__)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"rram-edge {version('rram-edge')}"
    except PackageNotFoundError:
        return "rram-edge (not installed)"


if __name__ == "__main__":
    main()
