"""Small sweeps: few clips of two actions, few steps, small networks."""

import json
from pathlib import Path

import pytest
import yaml

from motiongen.data import synthetic
from motiongen.data.store import write_store

CLASSES = ["wave", "kick"]


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("sweeping") / "store"
    write_store(path, synthetic.synthesise(6, 3, classes=CLASSES), classes=CLASSES)
    return path


@pytest.fixture
def tiny(store, tmp_path):
    """Writes a sweep file: 2 families, 2 encoders, 2 seeds, unless told otherwise."""

    def write(name="tiny.yaml", **sections) -> Path:
        content = {
            "fit": {
                "data": {"store": str(store), "frames": 16, "batch_size": 4, "epoch_steps": 3},
                "data.validation": 0.4,
                "trainer.max_steps": 6,
                "model.encoder.width": 8,
                "model.encoder.layers": 1,
            },
            "grid": {
                "model": ["VAE", "FlowMatching"],
                "model.encoder": ["CNN", "RNN"],
                "seed": [0, 1],
            },
            "score": {"sampling_seeds": [1, 2], "extractor_steps": 5, "k": 1, "draws": 2},
        }
        content |= sections
        path = tmp_path / name
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))
        return path

    return write


@pytest.fixture
def made():
    """Makes the result of a trial by hand."""

    def make(loss, seed=0, parameters=10, extra=(), **labels) -> dict:
        columns = {
            "fid": {"title": "FID", "unit": "", "better": "low"},
            "coverage": {"title": "coverage", "unit": "", "better": "high"},
        }
        samples = {"fid": [loss - 1, loss + 1], "coverage": [0.5, None]}
        rows = {
            "samples": {"kind": "generated", "n": 9, "values": samples},
            "real": {"kind": "reference", "n": 9, "values": {"fid": 0.5, "coverage": 1.0}},
        }
        table = {"reference": "real", "columns": columns, "rows": rows}
        title = "Likeness to clips of unseen people"
        varied = {**labels, "seed": seed}
        return {
            "schema": 1,
            "cell": " ".join(labels.values()),
            "labels": {**labels, "seed": str(seed)},
            "varied": {**varied, **dict(extra)},
            **{"seed": seed, "fit": [], "steps": 6, "parameters": parameters},
            "scoring": {"metric": "fid", "against": "unseen"},
            "data": {"store": "s", "manifest_sha256": "1", "validation_subjects": ["3"]},
            "score": {"metric": "fid", "table": title, "value": loss, "real": 0.5, "loss": loss},
            "scores": {title: table},
            **{"warnings": [], "versions": {}, "version": "1", "commit": "c"},
        }

    assert json.dumps(make(1.0))
    return make
