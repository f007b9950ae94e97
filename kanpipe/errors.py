"""The one error that a user is meant to read."""


class UserError(Exception):
    """A fault that the user can mend; its text is one sentence naming the file or key and what to do."""
