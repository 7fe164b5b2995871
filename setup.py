"""Puts the released models into the wheel; everything else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithModels(build_py):
    """Copies `checkpoints/NAME/` to `motiongen/released/NAME/` of the wheel."""

    def run(self) -> None:
        """Builds as usual, and copies."""
        super().run()
        # an editable installation finds them beside the package
        if self.editable_mode:
            return
        target = Path(self.build_lib) / "motiongen" / "released"
        for weights in sorted(Path("checkpoints").glob("*/model.safetensors")):
            shutil.copytree(weights.parent, target / weights.parent.name, dirs_exist_ok=True)


setup(cmdclass={"build_py": BuildWithModels})
