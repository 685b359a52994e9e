"""What a user can mend: one line that says what was given, what was expected and where."""


class RramError(Exception):
    """The one error of this package."""
