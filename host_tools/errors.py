"""The one error a user can cause on the workstation; the command line prints it and exits with code 2."""


class HostError(ValueError):
    """What the user gave cannot be used: one line with what was given, what was expected, and where."""
