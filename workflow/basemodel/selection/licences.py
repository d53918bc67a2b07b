"""What licences allow, as far as their names tell."""

PERMISSIVE = ("apache-2.0", "mit", "bsd-3-clause", "cc-by-4.0")
UNKNOWN = ("unknown", "not stated")
NON_COMMERCIAL, OWN_TERMS = "non-commercial", "own terms"


def restriction(licence: str | None) -> str:
    """In a word, why a user may not want a model of this licence; empty if it is permissive, or if
    none is stated."""
    if licence is None or licence in (*PERMISSIVE, *UNKNOWN):
        return ""
    return NON_COMMERCIAL if "-nc" in licence or "noncommercial" in licence else OWN_TERMS
