"""Reads a sweep file, and says in one line what is wrong with it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonargparse
import yaml

from motiongen.fitting import in_one_line
from motiongen.sweeping.options import Distribution, Resources, Score, Search, Stop
from motiongen.sweeping.settings import Settings, canonical, is_file, read_settings, refuse_own
from motiongen.sweeping.space import Axis, Sweep
from motiongen.trust import load_yaml

#: entries of `search` that are no keys of fit
SEARCH_OPTIONS = ("trials", "sampler", "sampler_seed")
#: sections whose entries are keys of fit, and sections with entries of their own
OF_FIT, OWN = ("fit", "grid"), ("search", "score", "stop", "cluster")


def read_sweep(
    path: Path, changes: Sequence[tuple[str, Any]] = (), *, trust_code: bool = False
) -> Sweep:
    """Reads a sweep file.

    Args:
        path: YAML with the sections `fit`, `grid`, `search`, `score`, `stop` and `cluster`.
        changes: keys of the command line and their values: of a section (`score.metric`), or of
            `fit`, where a key that the file varies is then varied no more.
        trust_code: allow classes from outside motiongen, in the file and those that it names.

    Raises:
        ValueError: if something in it is wrong, in one line that names file and key.
        OSError: if there is no such file.
    """
    try:
        found = load_yaml(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"found {type(found).__name__}, needed are sections such as fit")
        for key, value in changes:
            _change(found, key, value)
        made = _sweep(path.stem, _validated(found))
        return replace(made, base=replace(made.base, trust_code=trust_code))
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def _validated(found: dict[str, Any]) -> dict[str, Any]:
    """The sections, those with entries of their own as objects."""
    if unknown := sorted(map(str, set(found) - {*OF_FIT, *OWN})):
        allowed = ", ".join((*OF_FIT, *OWN))
        raise ValueError(f"there is no section {unknown[0]!r}; allowed: {allowed}")
    made = {name: found.get(name) for name in OF_FIT}
    for name, kind in (("score", Score), ("stop", Stop), ("cluster", Resources)):
        needed = found.get(name) is not None or name != "stop"
        made[name] = _made(kind, found.get(name) or {}, name) if needed else None
    return {**made, "search": _search(found.get("search"))}


def _search(found: object) -> Search | None:
    """The section's options, and a distribution for every other key."""
    if found is None:
        return None
    if not isinstance(found, Mapping):
        raise ValueError(f"search: found {found!r}, needed are keys and their distributions")
    options = {name: found[name] for name in SEARCH_OPTIONS if name in found}
    keys = {
        name: _made(Distribution, value, f"search.{name}")
        for name, value in found.items()
        if name not in SEARCH_OPTIONS
    }
    return replace(_made(Search, options, "search"), keys=keys)


def _made(kind: type, found: object, where: str) -> Any:
    """A section as an object; names and types are checked against its class."""
    names = ", ".join(each.name for each in fields(kind))
    if not isinstance(found, Mapping):
        raise ValueError(f"{where}: found {found!r}, allowed are {names}")
    if unknown := [name for name in found if name not in names.split(", ")]:
        raise ValueError(f"{where}: there is no {unknown[0]!r}; allowed: {names}")
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, skip={"keys"})
    try:
        given = parser.parse_object(dict(found)).as_dict()
    except jsonargparse.ArgumentError as error:
        raise ValueError(f"{where}: {in_one_line(str(error))}") from error
    # whole numbers stay whole where others are allowed, too
    ranged = kind is Distribution
    whole = {name: value for name, value in found.items() if ranged and type(value) is int}
    try:
        return kind(**{**given, **whole})
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error


def _sweep(name: str, parts: dict[str, Any]) -> Sweep:
    varied, search = parts["grid"] or {}, parts["search"]
    if search is not None and not search.keys:
        raise ValueError("search: there is no key to sample")
    if not isinstance(varied, Mapping):
        raise ValueError(f"grid: found {varied!r}, needed are keys and lists of their values")
    grid = tuple(_axis(key, value) for key, value in varied.items())
    if not grid and search is None:
        raise ValueError("nothing is varied; a grid or a search is needed")
    made = Sweep(
        name=name,
        base=read_settings(parts["fit"], "fit"),
        grid=grid,
        search=search,
        score=parts["score"],
        stop=parts["stop"],
        cluster=parts["cluster"],
    )
    _refuse_twice(made)
    return made


def _axis(key: str, found: object) -> Axis:
    where = f"grid.{key}"
    refuse_own(key, "grid")
    if isinstance(found, Mapping) and found:
        named = {str(label): read_settings(v, f"{where}.{label}") for label, v in found.items()}
        return Axis(key, {label: (label, settings) for label, settings in named.items()})
    if not isinstance(found, list) or not found:
        raise ValueError(f"{where}: found {found!r}, needed is a list of values")
    alternatives = dict(_alternative(key, value, found, where) for value in found)
    if len(alternatives) != len(found):
        raise ValueError(f"{where}: a value is there twice: {found}")
    return Axis(canonical(key), alternatives)


def _alternative(
    key: str, value: object, others: Sequence[object], where: str
) -> tuple[str, tuple[Any, Settings]]:
    """A value's label, the value, and what it sets."""
    if any(map(is_file, others)):
        label = Path(value).stem if isinstance(value, str) else "none"
        return label, (label, read_settings(value, where))
    return label_of(value), (value, Settings(keys=((key, value),)))


def label_of(value: object) -> str:
    """A value as tables and folders show it: of a class its name and its options."""
    if isinstance(value, Mapping) and "class_path" in value:
        options = value.get("init_args") or {}
        return " ".join([label_of(value["class_path"]), *(f"{k}={v}" for k, v in options.items())])
    if isinstance(value, str):
        # a path of a class, and no file or number
        parts = value.split(".")
        return parts[-1] if all(part.isidentifier() for part in parts) else value
    return "none" if value is None else json.dumps(value)


def _owners(sweep: Sweep) -> Iterator[tuple[str, str]]:
    """Every key that is set, and the place that sets it."""
    yield from ((key, "fit") for key in sweep.base.names())
    for axis in sweep.grid:
        sets = [settings.names() for _, settings in axis.alternatives.values()]
        yield from ((key, f"grid.{axis.name}") for key in set().union(*sets))
    for key in sweep.search.keys if sweep.search else ():
        refuse_own(key, "search")
        yield canonical(key), f"search.{key}"


def _refuse_twice(sweep: Sweep) -> None:
    owners: dict[str, str] = {}
    for key, place in _owners(sweep):
        if key in owners:
            raise ValueError(f"key {key} is set twice: in {owners[key]} and in {place}")
        owners[key] = place


def _change(found: dict[str, Any], key: str, value: object) -> None:
    """Applies a key of the command line to the content of a sweep file."""
    section, _, rest = key.partition(".")
    if section in (*OF_FIT, *OWN) and rest:
        part = found[section] = {} if found.get(section) is None else found[section]
        if not isinstance(part, dict):
            raise ValueError(f"--{key}: section {section} is a list of files")
        part[rest] = value
        return
    for name in ("grid", "search"):
        varied = found.get(name) or {}
        for own in [own for own in varied if canonical(own) == canonical(key)]:
            del varied[own]
    base = found.get("fit")
    known = {"config": base} if isinstance(base, list) else dict(base or {})
    found["fit"] = {**_without(known, canonical(key)), key: value}


def _without(found: dict[str, Any], key: str, prefix: str = "") -> dict[str, Any]:
    """Nested keys less one of them."""
    kept = {}
    for name, value in found.items():
        full = f"{prefix}{name}"
        if isinstance(value, dict):
            kept[name] = _without(value, key, f"{full}.")
        elif canonical(full) != key:
            kept[name] = value
    return kept
