"""The errors a user can cause in this package."""


class ProfileError(ValueError):
    """A profile or macro document is wrong; the message names the document, the path of the key, given and expected."""


class OutsideError(ProfileError):
    """A profile is asked beyond where it holds. use: what taking it `outside` all the same would do, for a message."""

    def __init__(self, message: str, use: str = "uses it all the same") -> None:
        super().__init__(message)
        self.use = use
