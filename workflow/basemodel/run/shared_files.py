"""End a run whose jobs would not see its files, before any work (docs/cluster.md).

Snakemake moves what rules declare. A user's images and weights are not declared, and what guards a
run lies in files that are not either: its record (provenance.py), which a job that does not find it
does without, Snakemake's marks of unfinished outputs, and the records in the results (records.py).
"""

from collections.abc import Iterable

# What else can be shared matters to speed, or is the environment that jobs start in.
NEEDED = ("input-output", "persistence", "sources")
INSTEAD = (
    "jobs read settings, code, images and weights where this run has them; run on machines that "
    "share these folders (docs/cluster.md)"
)


def require(usages: Iterable[str], storage: str | None) -> None:
    """Raises SystemExit with one line if jobs do not share what this needs, or if the results would
    lie in a storage.

    usages: what is shared, by the names of --shared-fs-usage; storage: --default-storage-provider.
    """
    shared = set(usages)
    if missing := [name for name in NEEDED if name not in shared]:
        raise SystemExit(f"--shared-fs-usage: not shared: {', '.join(missing)}: {INSTEAD}")
    if storage:
        raise SystemExit(
            f"--default-storage-provider: results cannot lie in {storage}: the records of what "
            "made them would be lost; leave it out, and copy the results once the run has ended"
        )
