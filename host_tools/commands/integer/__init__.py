"""`rram integer`: networks of 1-bit weights and few-bit activations, their rows, and their bundles."""

from __future__ import annotations

from host_tools.cli import lazy_group

command = lazy_group("integer", {
    "train": ("host_tools.commands.integer.train", "Train a network of 1-bit weights and 2-bit activations."),
    "rename": ("host_tools.commands.integer.rename", "Let equal rows share one; make them equal by training."),
    "reorder": ("host_tools.commands.integer.reorder", "Order the last layer's rows by what noise costs."),
    "export": ("host_tools.commands.integer.export", "Write a bundle that a board runs with integers only."),
}, """Networks that compute with integers alone (Weinstock, ORSS 2023): train, share and order rows, export.

Example: rram integer train --data digits -o integer.keras
""")
