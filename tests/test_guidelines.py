"""GUIDELINES.md is what its command makes of committed results; no sentence lacks its row."""

import importlib
import itertools
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "checkpoints" / "results"
#: one row, or the first and the last of several
SPAN = r"[A-Z]\d+(?: to [A-Z]\d+)?"


@pytest.fixture(scope="module")
def made():
    """The modules of the command, which lie beside each other as scripts do."""
    before = list(sys.path)
    sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))
    yield {name: importlib.import_module(name) for name in ("guidelines", "guidelines_tables")}
    sys.path[:] = before


def sentences(text):
    return [line for line in text.split("## Tables")[0].splitlines() if line.startswith("- ")]


def rows(text):
    found = re.findall(r"^\| ([A-Z]\d+) \|", text.split("## Tables")[1], re.MULTILINE)
    assert len(found) == len(set(found))
    return set(found)


def named(sentence):
    listed = re.search(rf"\(({SPAN}(?:, {SPAN})*)\)$", sentence)
    assert listed, f"names no row: {sentence}"
    found = set()
    for span in listed[1].split(", "):
        first, _, last = span.partition(" to ")
        last = last or first
        assert first[0] == last[0]
        found |= {f"{first[0]}{n}" for n in range(int(first[1:]), int(last[1:]) + 1)}
    return found


def test_the_page_is_what_the_command_makes(made):
    text = made["guidelines"].text_of(RESULTS)
    same = text == (ROOT / "GUIDELINES.md").read_text("utf-8")
    assert same, "results have changed: run python tests/benchmarks/guidelines.py"


def test_every_sentence_names_rows_that_are_there():
    text = (ROOT / "GUIDELINES.md").read_text("utf-8")
    said = sentences(text)
    assert len(said) > 30
    for sentence in said:
        assert named(sentence) <= rows(text), sentence
    # between headings there are sentences, and nothing else
    advice = text.split("## Tables")[0].split("\n## ", 1)[1]
    others = [line for line in advice.splitlines() if line and not line.startswith(("- ", "## "))]
    assert len(others) == 1


@pytest.fixture
def few(tmp_path):
    """Results of two families over two encoders, without anything else."""
    (tmp_path / "matrix").mkdir()

    def write(fid):
        for cell, values in fid.items():
            path = next((RESULTS / "matrix").glob("overview-VAE-CNN-*.json"))
            result = json.loads(path.read_text()) | {"cell": cell}
            result["scores"]["Likeness to clips of unseen people"]["fid"] = values
            (tmp_path / "matrix" / f"overview-{cell}-seed0.json").write_text(json.dumps(result))
        return tmp_path

    return write


def test_the_best_is_said_to_be_ahead_only_beyond_the_intervals(made, few):
    clear = few({"VAE-CNN": [1.0, 1.1], "GAN-CNN": [9.0, 9.1], "VAE-RNN": [5.0, 5.1],
                 "GAN-RNN": [7.0, 7.1]})  # fmt: skip
    said = sentences(made["guidelines"].text_of(clear))
    first = next(s for s in said if s.startswith("- Likeness"))
    assert "take VAE-CNN (FID unseen 1.05); the next, VAE-RNN (FID unseen 5.05), is" in first
    assert named(first) == {"M1", "M2"}
    assert any("VAE 1, GAN 2; VAE is ahead of GAN with every encoder" in s for s in said)
    blurred = few({"VAE-RNN": [1.0, 1.3]})
    said = sentences(made["guidelines"].text_of(blurred))
    first = next(s for s in said if s.startswith("- Likeness"))
    assert "take VAE-CNN (FID unseen 1.05); VAE-RNN cannot be told apart from it." in first
    mixed = few({"GAN-RNN": [0.1, 0.2]})
    said = sentences(made["guidelines"].text_of(mixed))
    assert any(s.startswith("- The family, for FID unseen: none is ahead") for s in said)


def test_rows_of_other_recipes_are_not_compared(made, tmp_path):
    shutil.copytree(RESULTS / "matrix", tmp_path / "matrix")
    text = made["guidelines"].text_of(tmp_path)
    assert any(s.startswith("- Bones of constant length, Flow-CNN") for s in sentences(text))
    path = next((tmp_path / "matrix").glob("final-Flow-CNN-free-*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"commit": "another"}))
    text = made["guidelines"].text_of(tmp_path)
    assert not any(s.startswith("- Bones of constant length, Flow-CNN") for s in sentences(text))


def test_studies_are_taken_up_when_they_are_there(made, tmp_path):
    shutil.copytree(RESULTS / "matrix", tmp_path / "matrix")
    before = made["guidelines"].text_of(tmp_path)
    assert "studies of the gain for a recogniser, 0 of 4" in before
    (tmp_path / "augmentation").mkdir()
    arms = {
        "real": {"clips": 100, "accuracy": [0.56, 0.5, 0.6]},
        "real + synthetic": {"clips": 200, "gain_real": [0.05, 0.01, 0.09], "p_real": [0.1]},
        "real + both": {"clips": 200, "gain_classical": [0.01, -0.02, 0.04]},
    }
    study = {"command": "c", "commit": "abc", "tables": [{"title": "5 shots, GRU", "arms": arms}]}
    (tmp_path / "augmentation" / "5shots.json").write_text(json.dumps(study))
    text = made["guidelines"].text_of(tmp_path)
    said = [s for s in sentences(text) if "5 shots, GRU" in s]
    assert "+5.0 points [+1.0, +9.0], an interval above zero" in said[0]
    assert "+1.0 points [-2.0, +4.0], which cannot be told apart from none" in said[1]
    assert all(named(s) <= rows(text) for s in said)
    assert "gain for a recogniser, 1 of 4 have been run" in text


def study_result(condition, cell, seed, fid):
    likeness = {"fid": fid, "coverage": [0.9, 0.9]}
    return {
        **{"cell": cell, "condition": condition, "seed": seed, "commit": "abc", "command": "c"},
        **{"cpu_seconds": 60, "sampling_seeds": [1, 2]},
        "scores": {"Likeness to clips of unseen people": {"samples": likeness}},
    }


def test_trainings_of_a_cell_widen_its_intervals(made, tmp_path):
    folder = tmp_path / "guidelines"
    folder.mkdir()

    def write(*results):
        for r in results:
            name = f"{r['condition']}-{r['cell']}-seed{r['seed']}.json"
            (folder / name).write_text(json.dumps(r))
        return made["guidelines"].text_of(tmp_path)

    text = write(study_result("centre", "VAE-CNN", 0, [1.0, 1.01]))
    assert "| VAE-CNN, severity 2, 30 % missing | 1 [0.941, 1.07] |" in text
    assert "No cell was trained twice" in text
    text = write(study_result("centre", "VAE-CNN", 1, [3.0, 3.01]))
    # of the mean of both, which lie 2 apart
    assert "VAE-CNN, severity 2, 30 % missing (2 trainings) | 2 [0, 4.69] |" in text


def test_trainings_under_noise_widen_the_intervals_of_their_cell(made, tmp_path):
    (tmp_path / "corruption" / "seed1").mkdir(parents=True)
    scores = ("fid", "coverage", "jitter", "bone_length_cv", "spectrum_distance")

    def write(place, cell, fid, extractor=0.02):
        real = {n: dict.fromkeys(scores, extractor) for n in ("clean clips", "noisy clips")}
        result = {
            **{"cell": cell, "arm": "ours", "severity": 2, "seed": int(place != ".")},
            **{"command": "c", "commit": "abc", "cpu_seconds": 60, "sampling_seeds": [1, 2]},
            **{"samples": dict.fromkeys(scores, [fid, fid]), "real": real},
        }
        (tmp_path / "corruption" / place / f"{cell}-ours-2.json").write_text(json.dumps(result))

    def said():
        text = made["guidelines"].text_of(tmp_path)
        return next(s for s in sentences(text) if s.startswith("- Severity 2, likeness")), text

    write(".", "VAE-CNN", 1.0)
    write(".", "GAN-CNN", 3.0)
    first, text = said()
    assert "take VAE-CNN (FID to clean 1); the next, GAN-CNN (FID to clean 3), is behind" in first
    assert "extractors" not in text
    # another training of the first turns it round, and its own differ by more than they do
    write("seed1", "VAE-CNN", 7.0, extractor=0.03)
    first, text = said()
    assert "take GAN-CNN (FID to clean 3); VAE-CNN cannot be told apart from it" in first
    assert "| VAE-CNN, severity 2 (2 trainings) | 4 [0, 12.1] |" in text
    assert "scores are of 2 extractors (FID of the clean clips 0.02 and 0.03)" in text
    assert "| noisy clips, severity 2 | 0.02 |" in text
    write(".", "GAN-CNN", 4.0)
    assert "take VAE-CNN (FID to clean 4) or GAN-CNN, with the same mean; GAN-CNN" in said()[0]


def test_what_many_models_have_in_common_is_told_by_a_paired_test(made, tmp_path):
    folder = tmp_path / "guidelines"
    folder.mkdir()
    families, encoders = ("VAE", "GAN", "Flow", "LatentFlow", "FlowMatching"), ("CNN", "RNN")
    for at, cell in enumerate("-".join(both) for both in itertools.product(families, encoders)):
        # each model is worse with few people by less than its interval; noise moves half of them
        moved = {"centre": 1.0, "few": 1.1, "noisy": 1.0 + 0.01 * (-1) ** at}
        for condition, fid in moved.items():
            values = [fid + at - 0.5, fid + at + 0.5]
            result = json.dumps(study_result(condition, cell, 0, values))
            (folder / f"{condition}-{cell}-seed0.json").write_text(result)
    text = made["guidelines"].text_of(tmp_path)
    said = sentences(text)
    few = next(s for s in said if s.startswith("- a quarter of the people instead of"))
    assert "FID unseen is worse in 10 of 10 models" in few and "; more than chance over" in few
    noisy = next(s for s in said if s.startswith("- severity 4 instead of"))
    assert "FID unseen is worse in 5 of 10 models" in noisy and "; no more than chance" in noisy
    family = next(s for s in said if "pairs of condition and encoder" in s)
    # six pairs are too few for ten comparisons
    assert "6 pairs of condition and encoder: VAE 1, GAN 2," in family
    assert "too few pairs to tell any apart" in family
    encoder = next(s for s in said if "pairs of condition and family" in s)
    assert "15 pairs of condition and family: CNN 1, RNN 2; CNN is better than RNN" in encoder
    assert named(few) == {f"S{n}" for n in range(1, 21)} <= rows(text)
