"""The one exception whose text is meant for people."""


class UpdraftError(Exception):
    """A mistake that a user can fix.

    The text names the place, what was found, what was expected and the next step.
    """
