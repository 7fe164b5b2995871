"""Draws docs/motion.gif: a noisy clip, its clean truth, and samples of two released models.

    python tests/benchmarks/readme_picture.py

The clip is the first one of its class by a person whom no model saw; the samples are those of
seed 0. The models learned from noisy clips only.
"""

from pathlib import Path

import motiongen
from motiongen.data.clips import conform
from motiongen.data.embedded import embedded_store
from motiongen.viewer.plot import save_gif

CLASS, PERSON = "jumping_jack", "13"
MODELS = {"embedded-vae": "sample: VAE", "embedded-flowmatching": "sample: flow matching"}


def main() -> None:
    store = embedded_store()
    spec = store.spec
    number = next(
        i for i, one in enumerate(store.records) if (one.label, one.subject) == (CLASS, PERSON)
    )
    noisy = conform(store[number], spec)
    clean = noisy.replace(joints=noisy.target, confidence=noisy.confidence * 0 + 1, target=None)
    clips = [noisy.replace(target=None), clean]
    for name in MODELS:
        model = motiongen.load(name)
        batch = model.sample(1, label=spec.classes.index(CLASS), length=clean.num_frames, seed=0)
        clips += batch.unbind(spec)
    titles = ["as estimated", "clean truth, never seen", *MODELS.values()]
    save_gif(Path("docs/motion.gif"), clips, titles)


if __name__ == "__main__":
    main()
