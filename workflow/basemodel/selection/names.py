"""What a candidate is called: in the settings, in file names, and in tables.

Whether there is such a model, and whether its weights are here, is found out in its job.
"""

import contextlib
import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from basemodel.files import printable
from basemodel.models import catalog
from basemodel.schema import SettingsError, nearest

LIBRARIES = ("timm", "torchvision")
SOURCES = (*LIBRARIES, "base")
KEYS = ("file", "architecture", "key")
OF_EMBEDDINGS = ("embeddings", "name")
ENDINGS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".pth.tar")
PYTHON = "python"  # the folder of basemodel.rank, in a ranking's
LONGEST = 100  # letters of a name in file names, to which jobs add some
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")  # as in the rules' wildcards
SIDE = re.compile(r"[1-9][0-9]{0,3}")  # pixels
FORMS = (
    "write timm:NAME or timm:NAME@SIDE, torchvision:NAME, base:ARCHITECTURE/SOURCE_TASK, "
    "{file: WEIGHTS, architecture: timm:NAME} or {embeddings: FILE.npy, name: NAME}"
)


@dataclass(frozen=True)
class Candidate:
    """A model that a user may start from, or the untrained baseline of one.

    `source`: timm, torchvision, base (a model of this project), file (weights of the user's) or
    embeddings (an array of the user's, without any network).
    `name`: what the source calls it: resnet18.a1_in1k, densenet121, resnet18/class10-03; of a file,
    the library's model that the weights are for, with the library: timm:tf_efficientnet_lite0; of
    embeddings, what the user calls them. If one of timm's is to be given images of another size
    than its own, their side is the end: vit_small_patch14_dinov2.lvd142m@224.
    `file`: path of the weights or embeddings, as the user wrote it; else empty. `key`: which of the
    weights in it. `untrained`: the architecture as its library initialises it.
    """

    source: str
    name: str
    file: str = ""
    key: str = ""
    untrained: bool = False

    @property
    def architecture(self) -> str:
        """What all weights of one architecture share: timm:resnet18, base:resnet18. With another
        side it is another one: timm:vit_small_patch14_dinov2@224."""
        source, name = self._model
        if source == "embeddings":
            return self.label
        name, at, side = name.partition("@")
        return f"{source}:{re.split('/' if source == 'base' else '[.]', name)[0]}{at}{side}"

    @property
    def label(self) -> str:
        """The name in messages; `labels` are those of all."""
        label = f"{self.source}:{_stem(self.file) if self.source == 'file' else self.name}"
        return printable(f"untrained {label}" if self.untrained else label)

    @property
    def slug(self) -> str:
        """The name in file names and wildcards: unique, and the same in every run."""
        if self.file:
            key = [self.key] if self.key else []
            name = self.name if self.source == "embeddings" else _stem(self.file)
            name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", name)[:LONGEST]
            return f"{self.source}-{name}-{_digest([self.file, self.name, *key])}"
        slug = f"{self.source}-{self.name.replace('/', '-').replace('@', '-side')}"
        slug = f"untrained-{slug}" if self.untrained else slug
        return slug if len(slug) <= LONGEST else f"{slug[:LONGEST]}-{_digest([slug])}"

    @property
    def baseline(self) -> "Candidate | None":
        """Its architecture untrained; a baseline is its own. Embeddings have none."""
        if self.source == "embeddings":
            return None
        source, name = self.architecture.split(":")
        return Candidate(source, name, untrained=True)

    @property
    def library(self) -> str:
        """What builds its network: timm, torchvision or base."""
        return self._model[0]

    @property
    def model(self) -> str:
        """The name of its network in `library`, with the tag of its weights if it has one."""
        return self._model[1]

    @property
    def arguments(self) -> dict[str, Any]:
        """Those by which models.load.load finds it."""
        return {
            "library": self.library,
            "name": self.model,
            "file": self.file,
            "key": self.key,
            "untrained": self.untrained,
        }

    @property
    def python(self) -> str | None:
        """What to call `basemodel.load` with to get it, as Python; None of embeddings."""
        if self.source == "embeddings":
            return None
        if self.source != "file":
            return repr(f"{self.source}:{self.name}")
        given = {"file": self.file, "architecture": self.name, "key": self.key}
        return ", ".join(f"{name}={value!r}" for name, value in given.items() if value)

    def weights(self, models: Path) -> Path | None:
        """The file of its weights, if it is one that may change; `models`: of base models."""
        if self.source == "base" and not self.untrained:
            return models / f"{self.name}.safetensors"
        return Path(self.file).expanduser() if self.file else None

    @property
    def _model(self) -> tuple[str, str]:
        if self.source != "file":
            return self.source, self.name
        source, name = self.name.split(":")
        return source, name


def candidates(settings: Iterable[Any], where: str = "candidates") -> list[Candidate]:
    """The candidates of a list in the settings. Raises SettingsError for the first wrong one.

    `where`: the setting, in messages.
    """
    found: dict[Candidate, int] = {}
    embeddings: set[str] = set()  # their names
    if isinstance(settings, str | dict):
        raise SettingsError(f"{where}: {settings!r} is not a list; put it in brackets")
    for number, setting in enumerate(settings):
        try:
            candidate = parse(setting)
        except SettingsError as error:
            raise SettingsError(f"{where}.{number}: {error}") from None
        if candidate in found:
            raise SettingsError(
                f"{where}.{number}: {candidate.label} is there already, as candidate "
                f"{found[candidate]}; remove one"
            )
        if candidate.source == "embeddings" and candidate.label in embeddings:
            raise SettingsError(
                f"{where}.{number}: {candidate.label} is the name of another one; "
                "give each a `name` of its own"
            )
        found[candidate] = number
        if candidate.source == "embeddings":
            embeddings.add(candidate.label)
    return list(found)


def with_baselines(candidates: Iterable[Candidate]) -> dict[str, Candidate]:
    """All candidates by their slugs, followed by the untrained baseline of each architecture."""
    trained = list(candidates)
    baselines = [baseline for c in trained if (baseline := c.baseline)]
    return {c.slug: c for c in [*trained, *baselines]}


def parse(setting: Any) -> Candidate:
    """One candidate as the user writes it. Raises SettingsError if it is malformed."""
    if isinstance(setting, dict):
        return _of_embeddings(setting) if "embeddings" in setting else _of_file(setting)
    if not isinstance(setting, str):
        raise SettingsError(f"{setting!r} is not the name of a model; {FORMS}")
    source, colon, name = setting.partition(":")
    if not colon:
        raise SettingsError(f"{setting!r} does not say where the model is from; {FORMS}")
    if source not in SOURCES:
        raise SettingsError(
            f"{setting!r}: models are from {', '.join(SOURCES)} or a file, not from {source!r}; "
            f"{nearest(source, list(SOURCES))}"
        )
    if source == "base":
        return _base(setting, name)
    plain, at, side = name.partition("@")
    if at and (source != "timm" or not SIDE.fullmatch(side)):
        raise SettingsError(
            f"{setting!r}: after @ is the side of images in pixels, for models of timm only; "
            "write timm:NAME@224"
        )
    if not NAME.fullmatch(plain):
        raise SettingsError(
            f"{setting!r}: {name!r} is not a name of {source}; `snakemake rank_candidates` lists "
            "them"
        )
    return Candidate(source, name)


def _base(setting: str, name: str) -> Candidate:
    architecture, _, task = name.partition("/")
    if architecture not in catalog.available():
        raise SettingsError(
            f"{setting!r}: this project has no architecture {architecture!r}; "
            f"{nearest(architecture, catalog.available())}"
        )
    if not NAME.fullmatch(task):
        raise SettingsError(f"{setting!r}: write base:ARCHITECTURE/SOURCE_TASK")
    return Candidate("base", name)


def _of_embeddings(setting: dict) -> Candidate:
    _check_keys(setting, OF_EMBEDDINGS)
    file = setting["embeddings"]
    if not isinstance(file, str) or not file.lower().endswith(".npy"):
        raise SettingsError(
            f"embeddings: {file!r} does not end in .npy: numpy.save writes such a file"
        )
    name = setting.get("name", Path(file).stem)
    if not isinstance(name, str) or not name.strip():
        raise SettingsError(f"name: {name!r} is not text; write {{embeddings: {file}, name: mine}}")
    return Candidate("embeddings", name, file)


def _check_keys(setting: dict, known: Iterable[str]) -> None:
    for key in setting:
        if key not in known:
            raise SettingsError(
                f"{key}: there is no such setting; {nearest(str(key), list(known))}"
            )


def _of_file(setting: dict) -> Candidate:
    _check_keys(setting, KEYS)
    for key in KEYS:
        if key != "key" and not setting.get(key) or not isinstance(setting.get(key, ""), str):
            raise SettingsError(f"{key}: is missing or not text; {FORMS}")
    file = setting["file"]
    if not file.lower().endswith(ENDINGS):
        raise SettingsError(f"file: {file!r} does not end in any of {', '.join(ENDINGS)}")
    try:
        model = parse(setting["architecture"])
    except SettingsError as error:
        raise SettingsError(f"architecture: {error}") from None
    if model.source not in LIBRARIES:
        raise SettingsError(
            f"architecture: {model.label}: a file of weights is for a model of timm or torchvision"
        )
    return replace(model, source="file", name=model.label, file=file, key=setting.get("key", ""))


def labels(candidates: Iterable[Candidate]) -> dict[str, str]:
    """What each is called in tables, by its slug: different names for different candidates.

    A file is called by its name, without the ending; of several with one name its folder is added,
    or the architecture and key, or both.
    """
    found = list(candidates)
    told = {c.slug: c.label for c in found}
    for longer in (_with_folder, _with_model, _with_both, _with_digest):
        named = Counter(told.values())
        told |= {c.slug: longer(c) for c in found if c.source == "file" and named[told[c.slug]] > 1}
    return told


def _with_folder(candidate: Candidate) -> str:
    return printable(f"file:{Path(candidate.file).absolute().parent.name}/{_stem(candidate.file)}")


def _with_model(candidate: Candidate) -> str:
    return f"{candidate.label} ({_model_and_key(candidate)})"


def _with_both(candidate: Candidate) -> str:
    return f"{_with_folder(candidate)} ({_model_and_key(candidate)})"


def _with_digest(candidate: Candidate) -> str:
    return f"{candidate.label} {candidate.slug[-8:]}"


def _model_and_key(candidate: Candidate) -> str:
    return printable(", ".join(filter(None, [candidate.model, candidate.key])))


def _stem(file: str) -> str:
    return Path(file.removesuffix(".tar")).stem


def _digest(parts: list[str]) -> str:
    content = "\x1f".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(content).hexdigest()[:8]


def ranking_name(images: str, ranked: Path) -> str:
    """The name of a ranking, after the folder or table that it is for: safe in paths.

    `ranked`: the folder of all rankings. If the one of this name is for other images, part of a
    hash of the path is added: names stay readable, and no ranking overwrites another.
    """
    path = Path(images).expanduser().absolute()
    name = place_name(path)
    hashed = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()
    longer = f"{name}-{hashed[:6]}"
    owner = _images_of(ranked / name)
    if owner == str(path) or (owner is None and _images_of(ranked / longer) is None):
        return name
    return longer


def place_name(path: Path) -> str:
    """What a folder or table is called, safe in paths."""
    path = path.absolute()
    name = unicodedata.normalize("NFC", path.stem if path.is_file() else path.name)
    name = re.sub(r"[^\w.+-]+", "_", name).lstrip("-.+") or "images"
    return name.encode()[:120].decode(errors="ignore")  # files may have names of 255 bytes


def _images_of(ranking: Path) -> str | None:
    """The images that a finished or begun ranking is for, if it has chosen some: that of `snakemake
    rank`, or else that of basemodel.rank."""
    for folder in (ranking, ranking / PYTHON):
        with contextlib.suppress(OSError, ValueError, LookupError, AttributeError):
            found = json.loads((folder / "images.json").read_text(encoding="utf-8"))
            return found.get("images", found["folder"])  # older ones are of folders only
    return None
