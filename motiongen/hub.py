"""Models from and to the Hugging Face Hub, or a folder: `pip install 'motiongen[hub]'`."""

from pathlib import Path
from typing import Any

from motiongen import __version__
from motiongen.checkpoint import content_of, load
from motiongen.generators.base import Generator
from motiongen.release import CARD, RECIPE, WEIGHTS, as_card, write_files

try:
    from huggingface_hub import ModelHubMixin, snapshot_download
except ImportError as error:
    raise ImportError(
        "motiongen.hub needs huggingface_hub: pip install 'motiongen[hub]'"
    ) from error


class Pretrained(
    ModelHubMixin,
    library_name="motiongen",
    repo_url="https://github.com/motiongen/motiongen",
    tags=["human-motion", "skeleton"],
):
    """A generator with the methods that users of the Hub know.

    `Pretrained(model).push_to_hub("user/name")`, `Pretrained(model).save_pretrained(folder)`,
    `Pretrained.from_pretrained("user/name" or folder).model`. The files are those of a release:
    `motiongen.load(folder)` reads them, too.

    Args:
        model: the generator.
    """

    def __init__(self, model: Generator) -> None:
        self.model = model
        # the Hub shows it, and looks for it when it loads
        self._hub_mixin_config = {"recipe": model.recipe, "motiongen_version": __version__}

    def _save_pretrained(self, save_directory: Path) -> None:
        content = content_of(self.model)
        write_files(save_directory, content)
        if not (save_directory / CARD).exists():
            (save_directory / CARD).write_text(as_card(content), encoding="utf-8")

    @classmethod
    def _from_pretrained(
        cls,
        *,
        model_id: str,
        revision: str | None,
        cache_dir: str | Path | None,
        force_download: bool,
        local_files_only: bool,
        token: str | bool | None,
        **options: Any,
    ) -> "Pretrained":
        folder = Path(model_id)
        if not folder.is_dir():
            folder = Path(
                snapshot_download(
                    model_id,
                    revision=revision,
                    cache_dir=cache_dir,
                    force_download=force_download,
                    local_files_only=local_files_only,
                    token=token,
                    allow_patterns=[WEIGHTS, RECIPE, CARD],
                )
            )
        return cls(load(folder, **options))


def from_pretrained(name: str | Path, **options: Any) -> Generator:
    """Loads a generator from the Hub, or from a folder that `save_pretrained` wrote.

    Args:
        name: "user/name" on the Hub, or a folder.
        options: of `huggingface_hub` (`revision`, `token`, `cache_dir`, `local_files_only`) and of
            `motiongen.load` (`device`, `trust_code`).

    Raises:
        ValueError: if the files are damaged, or name a class that is not allowed.
    """
    return Pretrained.from_pretrained(name, **options).model


def push_to_hub(model: Generator, repo_id: str, **options: Any) -> str:
    """Uploads a generator with its card; returns the address of the commit.

    Args:
        model: trained or loaded.
        repo_id: "user/name".
        options: `token`, `private`, `branch`, `commit_message`, … of `huggingface_hub`.
    """
    return Pretrained(model).push_to_hub(repo_id, **options)
