"""What rules tell Snakemake of their settings, and records of results that move with the results.

Snakemake reruns a job if its parameters differ from those on record. It compares them as a set of
values without names, and keeps the records by path in `.snakemake`, where they are lost if the
results move or `.snakemake` is deleted: it then compares nothing, and takes the results for up to
date. So each rule has one parameter with all its settings by name (`ordered`), and a copy of the
records lies in the results (`keep`), from where they are restored if need be (`restore`).
"""

import json
import os
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from basemodel.files import read_json, write_json, write_text

METADATA = Path(".snakemake", "metadata")
IDENTITY = METADATA / ".identity"  # of this set of records
RESULTS = "<results>"  # stands for the folder of results in paths on record
DIRECTORY = ".snakemake_timestamp"  # carries the time of an output that is a folder
# No job has this parameter, so what has it on record has to be made again. The number is above
# that of every format of records, of which Snakemake compares none that is older than its own.
UNKNOWN = {"params": ["nothing is on record of this file"], "record_format_version": 10**6}


def ordered(**settings: Any) -> dict[str, Any]:
    """A rule's settings as one parameter, equal for equal settings: JSON values, sorted keys.

    Raises TypeError for a value that JSON does not have.
    """
    return json.loads(json.dumps(settings, sort_keys=True))


def keep(results: str) -> None:
    """Copy the records that are new in `.snakemake` into the folder of results, if there is one."""
    newest = _state(results).get("newest", 0)
    new = [
        (key, path, time)
        for key, path, time in _records()
        if time > newest and _belongs(Path(key), Path(results))
    ]
    if not new or not Path(results).is_dir():
        return
    kept = _kept(results)
    for key, path, _ in new:
        record = _read(path)
        if record and record.get("params") != UNKNOWN["params"]:
            kept[str(Path(key).relative_to(results))] = _renamed(record, results, RESULTS)
    lines = [json.dumps([path, record]) for path, record in sorted(kept.items())]
    write_text(_folder(results) / "records.jsonl", "\n".join(lines) + "\n")
    newest = max(time for _, _, time in new)
    write_json(_folder(results) / "state.json", {**_here(results), "newest": newest})


def restore(results: str) -> None:
    """Put the records of results that have moved into `.snakemake`.

    A record is that of a file if it names the time at which the file was written, which `mv` and
    `cp -a` keep. Files without such a record get one that says so (`unknown`).
    """
    if not Path(results).is_dir() or _here(results).items() <= _state(results).items():
        return
    kept = _kept(results)
    for file in _files(Path(results)):
        path, time = _record_of(str(file)), _time(file)
        found = [_read(path)]
        if moved := kept.get(str(file.relative_to(results))):
            found.append(_renamed(moved, RESULTS, results))
        record = next((one for one in found if one.get("endtime") == time), UNKNOWN)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record), encoding="utf-8")
    write_json(_folder(results) / "state.json", {**_here(results), "newest": 0})


def unknown(outputs: Iterable[str]) -> list[str]:
    """Those of a job's outputs that are there although nothing is on record of them."""
    return [
        file
        for file in map(str, outputs)
        if Path(file).exists() and _read(_record_of(file)).get("params") == UNKNOWN["params"]
    ]


def _read(path: Path) -> dict[str, Any]:
    """Empty if it is missing or damaged."""
    try:
        return read_json(path)
    except (FileNotFoundError, ValueError):
        return {}


def _folder(results: str | Path) -> Path:
    return Path(results, ".provenance")


def _state(results: str) -> dict[str, Any]:
    """Which `.snakemake` had the records of these results, and the newest that was copied."""
    return _read(_folder(results) / "state.json")


def _here(results: str) -> dict[str, str]:
    """The `.snakemake` of this working folder, and the name under which it has the results."""
    if not IDENTITY.exists():
        write_text(IDENTITY, uuid.uuid4().hex)
    return {"identity": IDENTITY.read_text(encoding="utf-8"), "results": results}


def _kept(results: str) -> dict[str, dict[str, Any]]:
    """The records that lie in the results, by path below them; none if they are damaged."""
    try:
        text = (_folder(results) / "records.jsonl").read_text(encoding="utf-8")
        return dict(json.loads(line) for line in text.splitlines())
    except (FileNotFoundError, ValueError):
        return {}


def _records() -> Iterator[tuple[str, Path, int]]:
    """Snakemake's records: the path that each is of, its own, and when it was written."""
    for folder, _, files in os.walk(METADATA):
        for name in files:
            if not name.startswith("."):
                path = Path(folder, name)
                parts = path.relative_to(METADATA).parts
                code = "".join(part.removeprefix("@") for part in parts)
                yield urlsafe_b64decode(code).decode(), path, path.stat().st_mtime_ns


def _record_of(file: str) -> Path:
    """Where Snakemake keeps the record of a file, in folders if its name is too long for one."""
    code, most = urlsafe_b64encode(file.encode()).decode(), os.pathconf(METADATA, "PC_NAME_MAX") - 1
    *first, last = [code[start : start + most] for start in range(0, len(code), most)]
    return Path(METADATA, *(f"@{part}" for part in first), last)


def _files(results: Path) -> Iterator[Path]:
    """What may be an output: files, and folders that Snakemake has marked as such."""
    for folder, folders, files in os.walk(results):
        here = Path(folder)
        if DIRECTORY in files:
            folders.clear()
            yield here
            continue
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and _belongs(here / name / "file", results)
        ]
        yield from (here / name for name in files if not name.startswith("."))


def _belongs(file: Path, results: Path) -> bool:
    """Whether a file is one of these results, not of others that lie in a folder in theirs."""
    if not file.is_relative_to(results):
        return False
    return file.parent == results or not _others_between(file.parent, results)


@cache
def _others_between(folder: Path, results: Path) -> bool:
    if folder == results:
        return False
    return _folder(folder).is_dir() or _others_between(folder.parent, results)


def _renamed(record: dict[str, Any], before: str, after: str) -> dict[str, Any]:
    """A record with the folder of results that its paths begin with replaced."""

    def renamed(path: str) -> str:
        return f"{after}{path[len(before) :]}" if path.startswith(f"{before}/") else path

    return {
        **record,
        "input": [renamed(path) for path in record.get("input") or []],
        "log": [renamed(path) for path in record.get("log") or []],
        "input_checksums": {
            renamed(path): value for path, value in (record.get("input_checksums") or {}).items()
        },
    }


def _time(path: Path) -> float:
    return (path / DIRECTORY if path.is_dir() else path).stat().st_mtime
