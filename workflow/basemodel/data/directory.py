"""A user's folder as it is read: without what is hidden, links followed, and no file opened."""

import os
import stat
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from basemodel.data.listing import DataError
from basemodel.files import printable

HEIC = (".heic", ".heif") if find_spec("pillow_heif") else ()  # then decode.py reads them
SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".avif",
    *HEIC,
)  # fmt: skip
MOST_ELSEWHERE = 10_000  # files other than images that links may lead to

Id = tuple[int, int]  # of a folder: its device and inode


class Directory:
    """A folder below `root`, read when it is asked for. Paths are relative to `root`.

    `path`: its own; "." is `root` itself. `problems`: what is neither a folder nor a file that can
    be opened, a line each; one list for all folders below. A link to a folder that it lies in is
    not followed.
    """

    def __init__(self, root: Path, path: str = ".", above: "Directory | None" = None):
        self.root, self.path, self.above = root, os.path.normpath(path), above
        self.problems: list[str] = above.problems if above else []

    @property
    def name(self) -> str:
        return (self.root / self.path).absolute().name

    @property
    def folders(self) -> dict[str, "Directory"]:
        """Those in it, by name, sorted."""
        return self._content[0]

    @property
    def images(self) -> list[str]:
        """The files in it whose suffix is one of SUFFIXES, sorted."""
        return [file for file in self._content[1] if file.lower().endswith(SUFFIXES)]

    @property
    def files(self) -> list[str]:
        """All files in it, sorted."""
        return self._content[1]

    def walk(self) -> Iterator["Directory"]:
        """This folder and all below it, each once, whichever links lead to it.

        Raises DataError if a link leads elsewhere, to MOST_ELSEWHERE other files than images.
        """
        return self._walk(set(), os.path.realpath(self.root), [])

    def holds_images(self) -> bool:
        return any(folder.images for folder in self.walk())

    def _walk(self, seen: set[Id], home: str, elsewhere: list[str]) -> Iterator["Directory"]:
        if self._id in seen:
            return
        seen.add(self._id)
        if elsewhere:
            elsewhere += [file for file in self.files if not file.lower().endswith(SUFFIXES)]
            if len(elsewhere) > MOST_ELSEWHERE:
                raise DataError(
                    f"{printable(elsewhere[0])}, a link, leads to more than {MOST_ELSEWHERE:,} "
                    "files that are no images: remove the link, or name another folder"
                )
        yield self
        for folder in self.folders.values():
            below = elsewhere
            if (self.root / folder.path).is_symlink() and not elsewhere:
                target = os.path.realpath(self.root / folder.path)
                below = [] if os.path.commonpath([target, home]) == home else [folder.path]
            yield from folder._walk(seen, home, below)

    @cached_property
    def _id(self) -> Id:
        found = os.stat(self.root / self.path)  # noqa: PTH116
        return found.st_dev, found.st_ino

    def _is_inside(self, target: Id) -> bool:
        """Whether this folder, by its path here or by its real one, lies in another or is it."""
        folder: Directory | None = self
        while folder:
            if folder._id == target:
                return True
            folder = folder.above
        parents = Path(os.path.realpath(self.root)).parents
        return any((s.st_dev, s.st_ino) == target for s in map(os.stat, parents))

    @cached_property
    def _content(self) -> tuple[dict[str, "Directory"], list[str]]:
        folders, files = {}, []
        try:
            with os.scandir(self.root / self.path) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self.problems.append(f"{printable(self.path)}: {_why(error)}")
            return {}, []
        for entry in entries:
            if entry.name.startswith(".") or entry.name == "__MACOSX":  # a Mac's, in archives
                continue
            path = entry.name if self.path == "." else f"{self.path}/{entry.name}"
            kind, why = _kind(entry)
            if kind == "folder":
                folder = Directory(self.root, path, self)
                if entry.is_symlink() and self._is_inside(folder._id):
                    self.problems.append(
                        f"{printable(path)}: a link to a folder that it lies in, not followed"
                    )
                else:
                    folders[entry.name] = folder
            elif kind == "file":
                files.append(path)
            else:
                self.problems.append(f"{printable(path)}: {why}")
        return folders, files


def same_name(name: str) -> str:
    """A name in NFC: what one system writes as one letter, another writes as two."""
    return unicodedata.normalize("NFC", name)


def _kind(entry: os.DirEntry) -> tuple[str, str]:
    """folder, file, or nothing and why it is neither."""
    try:
        if entry.is_dir():
            return "folder", ""
        if entry.is_file():
            return "file", ""
        mode = entry.stat().st_mode
    except OSError as error:
        lost = entry.is_symlink() and isinstance(error, FileNotFoundError)
        return "", "a link that leads nowhere" if lost else _why(error)
    return "", "a named pipe, no file" if stat.S_ISFIFO(mode) else "a device or socket, no file"


def _why(error: OSError) -> str:
    return f"cannot be read ({error.strerror})"
