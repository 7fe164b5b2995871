"""What a configuration may do: name motiongen's own classes, and stay small when it is read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import jsonargparse
import yaml
from jsonargparse._common import parsing_settings

#: the word of a command line that lifts the rule; no configuration file can say it
TRUST = "--trust-code"
#: what the parser may import for a configuration
ALLOWED = ["motiongen"]


#: values of a YAML text once all its references are followed, and how deep they may lie
MOST_VALUES, DEEPEST = 100_000, 50
#: shorter texts can do no harm
SHORT = 64


def without_trust(words: Sequence[str]) -> tuple[list[str], bool]:
    """The words of a command line less `TRUST`, and whether it was among them."""
    kept = [word for word in words if word != TRUST]
    return kept, len(kept) < len(words)


@contextmanager
def allowed_classes(*, trust_code: bool) -> Iterator[None]:
    """While it is entered, the parser imports nothing from outside motiongen.

    The parser imports the module that a class_path names before it looks at the class, and
    importing runs the module. The parser's own list of modules is asked before each import, and
    once more about where the object found is defined, so no module of ours lends out another.

    Texts that grow beyond measure when their references are followed are refused as well.

    Args:
        trust_code: allow classes from everywhere.
    """
    # neither has a documented way back; other users of the parser in this process have their own
    kept = {name: parsing_settings[name] for name in _CHANGED}
    load = jsonargparse.get_loader("yaml")

    def checked(text: str) -> Any:
        check_yaml(text)
        return load(text)

    jsonargparse.set_loader("yaml", checked, exceptions=(yaml.YAMLError,))
    if not trust_code:
        jsonargparse.set_parsing_settings(
            import_path_denylist=["*"], import_path_allowlist=ALLOWED
        )
    try:
        yield
    finally:
        parsing_settings.update(kept)
        jsonargparse.set_loader("yaml", load, exceptions=(yaml.YAMLError,))


_CHANGED = ("import_path_verdicts", "import_paths_enforced")


def load_yaml(text: str) -> Any:
    """Plain values of a YAML text.

    Raises:
        yaml.YAMLError: if it is none, asks for objects, or is too large.
    """
    check_yaml(text)
    return yaml.safe_load(text)


def check_yaml(text: str) -> None:
    """Counts values without making any: a few lines of references can stand for billions.

    Raises:
        yaml.YAMLError: if there are more than `MOST_VALUES`, or they lie deeper than `DEEPEST`;
            a list that holds itself has no end of them.
    """
    if len(text) <= SHORT:
        return
    counts: dict[str, int] = {}
    # of each open list or table its anchor and its values so far; the first is the text itself
    opened: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, 1))
            if len(opened) > DEEPEST:
                raise yaml.YAMLError(f"values lie more than {DEEPEST} levels deep")
            continue
        whole = opened.pop() if isinstance(event, yaml.CollectionEndEvent) else None
        anchor, count = whole or _single(event, counts)
        if anchor is not None:
            counts[anchor] = count
        above, so_far = opened.pop()
        opened.append((above, so_far + count))
        if so_far + count > MOST_VALUES:
            raise yaml.YAMLError(f"holds more than {MOST_VALUES} values, references followed")


def _single(event: yaml.Event, counts: dict[str, int]) -> tuple[str | None, int]:
    """Anchor and number of values of what is no list or table; a reference has those it is to."""
    if isinstance(event, yaml.AliasEvent):
        return None, counts.get(event.anchor, MOST_VALUES)
    return getattr(event, "anchor", None), 1
