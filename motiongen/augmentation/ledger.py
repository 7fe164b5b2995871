"""The results of a study on disk: one small file each, written whole, found again after a stop."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from motiongen.augmentation.arms import Treatment
from motiongen.augmentation.design import Design, Draw, slug
from motiongen.checkpoint import remove_parts, write_whole
from motiongen.data.store import Store
from motiongen.evaluation.versions import current_commit

STUDY, RESULTS, GENERATORS = "study.json", "results", "generators"
#: training of a generator, in its folder
RUN = "run"


@dataclass(frozen=True)
class Result:
    """What one recogniser scored after one training.

    Args:
        accuracy: share of test clips that are recognised.
        macro_f1: mean over classes.
        real: real clips that it learned from.
        synthetic: synthetic clips that it learned from.
        tested: clips that it was tested on.
        passed: share of the synthetic candidates that passed the filter; None without one.
        seconds: that fitting and testing took; in no report, as it differs each time.
    """

    accuracy: float
    macro_f1: float
    real: int
    synthetic: int
    tested: int
    passed: float | None
    seconds: float


class Ledger:
    """Finds and keeps results.

    Args:
        out: folder of the study.
    """

    def __init__(self, out: Path) -> None:
        self.out = out

    def begin(self, design: Design, store: Store) -> None:
        """Notes the design, or checks that a study that goes on has the same one.

        A study that was refused before it had a result or a generator may be put right.

        Raises:
            ValueError: if it has not; names what differs.
        """
        wanted = {"store": store.manifest["sha256"], **design.fixed()}
        wanted = json.loads(json.dumps(wanted))
        path = self.out / STUDY
        if not path.exists() or not self._begun():
            _write(path, wanted)
            return
        remove_parts(self.out)
        known = _read(path)
        if changed := [name for name in wanted if wanted[name] != known.get(name)]:
            name = changed[0]
            raise ValueError(
                f"{self.out} holds a study with another {name}: it was {known.get(name)}, is "
                f"{wanted[name]}; go on with the same options or choose another --out"
            )

    def _begun(self) -> bool:
        made = (*self.out.glob(f"{RESULTS}/*/*.json"), *self.out.glob(f"{GENERATORS}/*/{RUN}"))
        return bool(made)

    def find(self, draw: Draw, recogniser: str, treatment: Treatment) -> Result | None:
        """The result, if there is one.

        Raises:
            ValueError: if its file is damaged.
        """
        path = self._path(draw, recogniser, treatment)
        if not path.exists():
            return None
        found = _read(path)
        try:
            result = Result(**{each.name: found[each.name] for each in fields(Result)})
        except KeyError as error:
            raise ValueError(f"{path}: has no {error}; remove it") from error
        if not isinstance(result.accuracy, float):
            raise ValueError(f"{path}: accuracy is {result.accuracy!r}, no number; remove it")
        return result

    def keep(self, draw: Draw, recogniser: str, treatment: Treatment, result: Result) -> None:
        """Writes a result."""
        names = {
            **{"fold": draw.fold, "size": draw.size.name, "seed": draw.seed},
            **{"recogniser": recogniser, "arm": treatment.arm.name, "ratio": treatment.ratio},
            "commit": current_commit(),
        }
        _write(self._path(draw, recogniser, treatment), {**names, **asdict(result)})

    def folder(self, draw: Draw) -> Path:
        """Where the generator of a draw is kept."""
        return self.out / GENERATORS / draw.name

    def _path(self, draw: Draw, recogniser: str, treatment: Treatment) -> Path:
        name = f"{slug(recogniser)}--{treatment.name}.json"
        return self.out / RESULTS / draw.name / name


def _write(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, allow_nan=False) + "\n"
    write_whole(path, lambda file: file.write(text.encode()))


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: cannot be read: {error}; remove it") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path}: is no table of keys; remove it")
    return found
