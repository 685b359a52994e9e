"""`rram`: the workstation's command line. It only finds the command, calls it, and turns errors into one line."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import click

# name -> (module with a click command called `command`, one line for the list); loaded only when called: --help is fast
COMMANDS = {
    "train": ("host_tools.commands.train", "Train the ideal network (the teacher)."),
    "distill": ("host_tools.commands.distill", "Train a student that knows the RRAM profile."),
    "import": ("host_tools.commands.import_network", "Read a .tflite or .onnx network into a .keras file."),
    "zoo": ("host_tools.commands.zoo", "The trained networks that come with the package."),
    "integer": ("host_tools.commands.integer", "Networks of 1-bit weights that compute with integers alone."),
    "export": ("host_tools.commands.export", "Map a network on RRAM tiles and write a bundle for the board."),
    "inspect": ("host_tools.commands.inspect", "Show a bundle: layers, tiles, cells, SRAM, profile, provenance."),
    "summary": ("host_tools.commands.summary", "Count a network's cells, tiles, bits, SRAM, MACs and parameters."),
    "study": ("host_tools.commands.study", "Measure accuracy over many chips."),
    "ablate": ("host_tools.commands.ablate", "Compare masks, their sizes and kinds of correction on the same chips."),
    "flash": ("host_tools.commands.flash", "Put runtime and bundle on a board (ssh) or in a folder."),
    "stream": ("host_tools.commands.stream", "Send a data set as a stream of labelled images."),
    "profile": ("host_tools.commands.profile", "Noise profiles: fit to cells, check against cells, show, compare."),
    "array": ("host_tools.commands.array", "What each inaccuracy of an array costs, by pairing."),
    "pairings": ("host_tools.commands.pairings", "A network on differential, offset and bit-sliced arrays, compared."),
    "wires": ("host_tools.commands.wires", "Wire resistance (IR drop): exact against fast."),
    "cost": ("host_tools.commands.cost", "Area, energy and time of a macro, and what the SRAM correction adds."),
    "finetune": ("host_tools.commands.finetune", "Rewrite a chip's cells, imprecisely, until it answers well."),
    "program": ("host_tools.commands.program", "Write cells with verify, and make the outcome a profile."),
    "endtoend": ("host_tools.commands.endtoend", "From device model over programming and training to accuracy."),
    "filament": ("host_tools.commands.filament", "Ask the physical model of a cell: loops, spread, pulses."),
    "reproduce": ("host_tools.commands.reproduce", "Measure the claims of the four papers."),
    "demo": ("host_tools.commands.demo", "The whole way in one go, on an embedded data set."),
}


class LazyGroup(click.Group):
    """A click group that imports a command's module only when that command is run or asked for help."""

    def __init__(self, *args: Any, known: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.known = known

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.known)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.known:
            return None
        command: click.Command = importlib.import_module(self.known[name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self.known.items()])


def lazy_group(name: str, known: dict[str, tuple[str, str]], text: str) -> LazyGroup:
    """A group of commands, name -> (module, one line for the list); `text` is its help."""
    return LazyGroup(name, known=known, help=text)


SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(cls=LazyGroup, known=COMMANDS, context_settings=SETTINGS)
@click.version_option(package_name="rram-edge", prog_name="rram")
def rram() -> None:
    """Train, distil, map and export neural networks for inaccurate RRAM arrays.

    Example: rram demo
    """


def main(argv: list[str] | None = None) -> None:
    """Run `rram`; a user's mistake is one line on stderr and exit code 2, never a traceback."""
    from device_models.errors import ProfileError
    from firmware_py.errors import RramError
    from host_tools.errors import HostError

    try:
        rram.main(args=argv, prog_name="rram")
    except OSError as error:
        print(f"rram: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}", file=sys.stderr)
        sys.exit(2)
    except (HostError, RramError, ProfileError) as error:
        print(f"rram: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
