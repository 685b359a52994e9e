"""The one error a user can cause in this package."""


class ProfileError(ValueError):
    """A profile or macro document is wrong; the message names the document, the path of the key, given and expected."""
