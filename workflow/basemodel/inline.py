"""Settings given as `--config 'rank={images_per_class: 3}'`, read as in a file.

Snakemake reads what is nested in such a value with a YAML loader that leaves all of it text.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from basemodel import schema

PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null")}


def read(config: dict[str, Any], given: Mapping[str, Any]) -> None:
    """Replace, in `config`, the text of numbers, booleans and null that `--config` has given.

    What a setting wants as text stays text: quotes are gone, so `{title: 2023}` may have had some.
    Settings from files are left as they are.
    """
    texts = {}
    for place, text in _texts((), given):
        try:
            *above, last = place
            parent: Any = config
            for key in above:
                parent = parent[key]
            if parent[last] == text and (value := _value(text)) != text:
                texts[place] = parent, text
                parent[last] = value
        except (LookupError, TypeError):  # it is not there: nothing to read
            continue
    for place in schema.wants_text(config) if texts else ():
        if place in texts:
            parent, text = texts[place]
            parent[place[-1]] = text


def _texts(place: tuple, value: Any) -> Iterator[tuple[tuple, str]]:
    """Every text in nested mappings and lists, with the keys that lead to it."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping | list):
        for key, below in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from _texts((*place, key), below)


def _value(text: str) -> Any:
    """What YAML takes a plain word for."""
    loader = yaml.SafeLoader("")
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    return loader.construct_object(yaml.ScalarNode(tag, text)) if tag in PLAIN else text
