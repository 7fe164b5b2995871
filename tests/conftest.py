"""What every test shares: one thread, shape checks at the seams, and the recordings' folder."""

import os
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import pytest
import torch
from jaxtyping import config, install_import_hook

from .shape_checks import remembering

# Clips are small: a second thread made a step 6 to 12 times slower on a busy 2-core machine. The
# variable is for the processes that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")
torch.set_num_threads(1)

# The shapes in the annotations are checked under pytest only, so that users pay nothing for them.
# The hook works on modules imported after it: nothing above may import motiongen.
jaxtyping.jaxtyped = remembering(jaxtyping.jaxtyped)
install_import_hook("motiongen", "beartype.beartype")


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nothing that an earlier run kept is used, and nothing is left behind."""
    os.environ["MOTIONGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def paths_found_once() -> Iterator[None]:
    """The same clips under the same noise give the path that was found for them before.

    To find it takes a second, and families that learn from paths ask again in every loss. Keys
    are all bits of the input, and of the measured noise.
    """
    from motiongen.observation import Observation

    find, found = Observation.clean, {}

    def remembered(self, *clips: torch.Tensor) -> torch.Tensor:
        told = (self.skeleton.joints, *clips, *self.state_dict().values())
        key = tuple(
            (each.dtype, each.shape, each.numpy(force=True).tobytes())
            if isinstance(each, torch.Tensor)
            else each
            for each in told
        )
        if key not in found:
            found[key] = find(self, *clips)
        return found[key].clone()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Observation, "clean", remembered)
        yield


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Turns the hook off, to test the errors that users meet, who run without it."""
    before = config.jaxtyping_disable
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", before)


@pytest.fixture(scope="session")
def realdata() -> Path:
    """The folder of recordings named by MOTIONGEN_DATA; the test is skipped without it."""
    folder = os.environ.get("MOTIONGEN_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"MOTIONGEN_DATA is {folder!r}, which is no folder of recordings")
    return Path(folder)
