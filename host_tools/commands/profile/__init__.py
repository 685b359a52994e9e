"""`rram profile`: noise profiles: from measured cells, against measured cells, shown, compared, derived."""

from __future__ import annotations

from host_tools.cli import lazy_group

command = lazy_group("profile", {
    "list": ("host_tools.commands.profile.list", "List the profiles that travel with the package."),
    "show": ("host_tools.commands.profile.show", "Show a profile: levels, spread, read noise, evidence."),
    "fit": ("host_tools.commands.profile.fit", "Fit a profile to tables of measured cells."),
    "check": ("host_tools.commands.profile.check", "Hold a profile against measured cells."),
    "diff": ("host_tools.commands.profile.diff", "Show what differs between two profiles."),
    "at": ("host_tools.commands.profile.at", "Derive a profile: some time after programming, other levels."),
    "extract": ("host_tools.commands.extract", "Levels that cells can be told apart at, spread in every convention."),
    "readings": ("host_tools.commands.readings", "Read a spread of 50 % in six ways; a network on chips of each."),
    "schema": ("host_tools.commands.profile.schema", "Print the JSON Schema of a profile or a macro document."),
}, """Noise profiles: fit them to cells, hold them against cells, show, compare and derive them.

Example: rram profile show charan-65nm
""")
