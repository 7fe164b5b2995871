"""A module that must not be imported, and what tells that it was."""

import sys

import pytest

MODULE = "motiongen_canary"


class Canary:
    """A file that exists once hostile code has run."""

    def __init__(self, folder):
        self.path = folder / "canary"
        code = f"open({str(self.path)!r}, 'w').close()"
        # subclasses of what is allowed: a check of the class comes after the import
        imports = "from motiongen.generators import VAE\nfrom motiongen.encoders import CNN"
        classes = "class Evil(VAE):\n    pass\n\n\nclass EvilEncoder(CNN):\n    pass"
        (folder / f"{MODULE}.py").write_text("\n".join([code, imports, classes, ""]))

    @property
    def sang(self):
        return self.path.exists()


@pytest.fixture
def canary(tmp_path_factory, monkeypatch):
    """On the path, as a file beside a configuration is; fails if it ran without leave."""
    folder = tmp_path_factory.mktemp("canary")
    bird = Canary(folder)
    monkeypatch.syspath_prepend(folder)
    bird.allowed = False
    yield bird
    sys.modules.pop(MODULE, None)
    assert bird.allowed or not bird.sang, "hostile code has run"
