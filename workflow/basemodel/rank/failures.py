"""Why a candidate cannot be ranked."""


class Unusable(Exception):
    """One candidate cannot be used; the others can. Both texts are one line for the user."""

    def __init__(self, reason: str, remedy: str):
        super().__init__(reason, remedy)  # both, or it cannot be pickled
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"
