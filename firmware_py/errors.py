"""The one error a user can cause: one line that says what was given, what was expected, and where."""


class RramError(ValueError):
    """A mistake in what the user gave (bundle, state, image, label, option). Commands print it and exit with code 2."""
