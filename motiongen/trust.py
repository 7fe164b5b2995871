"""Which classes a configuration may name: motiongen's own, unless its author is trusted."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import jsonargparse
from jsonargparse._common import parsing_settings

#: the word of a command line that lifts the rule; no configuration file can say it
TRUST = "--trust-code"
#: what the parser may import for a configuration
ALLOWED = ["motiongen"]


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

    Args:
        trust_code: allow classes from everywhere.
    """
    if trust_code:
        yield
        return
    # it has no documented way back; other users of the parser in this process have their own
    kept = {name: parsing_settings[name] for name in _CHANGED}
    jsonargparse.set_parsing_settings(import_path_denylist=["*"], import_path_allowlist=ALLOWED)
    try:
        yield
    finally:
        parsing_settings.update(kept)


_CHANGED = ("import_path_verdicts", "import_paths_enforced")
