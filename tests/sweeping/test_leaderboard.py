"""Leaderboards from results that were made by hand."""

import json

import pytest

from motiongen.sweeping import results, running
from motiongen.sweeping.leaderboard import Board, Missing
from motiongen.sweeping.options import Score
from motiongen.sweeping.reading import read_sweep
from motiongen.sweeping.scores import decision, loss_of
from motiongen.sweeping.study import Book


@pytest.fixture
def board(made):
    return Board(
        "hand",
        [
            made(loss + seed / 10, seed, model=model, encoder=encoder)
            for model, encoder, loss in (
                *(("GAN", "CNN", 3.0), ("GAN", "RNN", 4.0)),
                *(("VAE", "CNN", 1.0), ("VAE", "RNN", 2.0)),
            )
            for seed in (0, 1, 2)
        ],
    )


def tables(report):
    return {table.title: {row.name: row for row in table.rows} for table in report.tables}


def test_cells_are_ordered_by_their_median(board):
    report = board.report()
    first = report.tables[0]
    assert [row.name for row in first.rows] == [
        *("VAE CNN", "VAE RNN", "GAN CNN", "GAN RNN", "real clips")
    ]
    value = first.rows[0].values["fid"]
    assert (value.value, value.low, value.high) == (1.1, 1.0, 1.2)
    assert first.rows[0].n == 3 and first.rows[0].values["rank"].value == 1
    assert "75% for n = 3" in first.interval
    assert first.rows[-1].values["fid"].value == 0.5
    assert "VAE CNN is best: 1.1" in report.summary[0]
    assert "needs at least 8 training seeds" in report.summary[1]


def test_scores_are_medians_of_means_over_sampling_seeds(board):
    rows = tables(board.report())["Likeness to clips of unseen people"]
    # the samples of a trial have its loss less and plus one
    assert rows["GAN RNN"].values["fid"].value == pytest.approx(4.1)
    assert rows["GAN RNN"].values["coverage"].value == 0.5
    assert rows["real"].kind == "reference" and rows["real"].n == 3


def test_each_choice_is_compared_with_all_else_alike(board):
    found = tables(board.report())
    models = found["What model changes"]
    assert {name: row.values["rank"].value for name, row in models.items()} == {
        "VAE": 1.0,
        "GAN": 2.0,
    }
    # three seeds with two encoders each are three repetitions, too few to tell a pair apart
    assert models["VAE"].n == 3 and models["VAE"].values["best"].value == 1
    assert models["GAN"].values["first"].note == ""
    pairs = found["Cells in pairs"]
    assert pairs["VAE CNN"].values["wins GAN RNN"].value == 1
    assert pairs["VAE CNN"].values["wins GAN RNN"].note == ""


def test_settings_of_a_seed_are_no_repetitions(made):
    found = [
        made(
            2.0 + (model == "GAN") * (-1) ** encoder + 10 * encoder,
            seed,
            model=model,
            on=f"e{encoder}",
        )
        for model in ("VAE", "GAN")
        for encoder in range(4)
        for seed in range(6)
    ]
    models = tables(Board("many", found).report())["What model changes"]
    # 24 groups, in half of which each is ahead: every seed says the same, that they are alike
    assert models["VAE"].n == 6 and models["GAN"].values["rank"].value == 1.5
    assert models["VAE"].values["best"].value == 0.5
    encoders = tables(Board("many", found).report())["What on changes"]
    assert encoders["e0"].values["best"].value == 1 and encoders["e3"].n == 6


def test_one_seed_has_no_interval_and_a_warning(made):
    report = Board("one", [made(1.0, model="VAE"), made(2.0, model="GAN")]).report()
    assert [table.title for table in report.tables] == [
        *("Leaderboard", "Likeness to clips of unseen people")
    ]
    assert report.tables[0].rows[0].values["fid"].low is None
    assert any("One seed a cell" in text for text in report.warnings)


def test_what_lacks_is_said(made):
    lacking = [Missing("GAN", {"seed": "1"}, "failed: no"), Missing("GAN", {}, "not done yet")]
    report = Board("some", [made(1.0, model="VAE")], lacking).report()
    assert report.warnings[:2] == ["GAN seed 1: failed: no", "GAN: not done yet"]
    assert Board("none", [], lacking).report().warnings == report.warnings[:2]


def test_several_versions_and_stores_are_said(made):
    one, two = made(1.0, model="VAE"), made(2.0, model="GAN")
    two = {**two, "commit": "other", "data": {**two["data"], "manifest_sha256": "2"}}
    told = Board("mixed", [one, two]).report().warnings
    assert "Results are of several commits: c, other." in told
    assert "Results are of 2 different stores." in told


def test_a_search_shows_the_best_of_each_cell_and_seed(tiny, made):
    search = {"model.latent": {"choices": [4, 8]}}
    sweep = read_sweep(tiny(grid={"model": ["VAE"], "seed": [0, 1]}, search=search))
    found = [
        made(loss, seed, extra={"model.latent": latent}, model="VAE")
        for seed, latent, loss in ((0, 4, 3.0), (0, 8, 2.0), (1, 4, 5.0), (1, 8, 6.0))
    ]
    report = Board.of(sweep, found).report()
    best = report.tables[0].rows[0]
    assert best.n == 2 and best.values["fid"].value == 3.5
    listed = tables(report)["The search"]
    assert list(listed)[0] == "VAE, seed 0: latent 8" and len(listed) == 4
    assert any("optimistic" in text for text in report.warnings)


def test_order_of_arrival_does_not_matter(board, tmp_path):
    turned = Board("hand", list(reversed(board.results)))
    rows = [[row.name for row in table.rows] for table in board.report().tables]
    assert [[row.name for row in table.rows] for table in turned.report().tables] == rows
    values = [table.rows[0].values for table in board.report().tables]
    assert [table.rows[0].values for table in turned.report().tables] == values


def test_files_are_written_and_times_are_apart(tiny, made, tmp_path):
    sweep = read_sweep(tiny())
    book = Book(sweep, tmp_path / "out")
    book.prepare()
    for number in range(6):
        taken = book.take()
        own = {k: v for k, v in taken.trial.labels.items() if k != "seed"}
        result = made(float(number), taken.trial.varied["seed"], **own)
        results.write_result(book.result(taken.trial), result)
        folder = book.folder(taken.trial)
        part = {"seconds": 2.0, "cpu_seconds": 1.0}
        (folder / "times.json").write_text(json.dumps({"train": part, "score": part}))
        book.tell(taken, float(number))
    running.write_leaderboard(book)
    page = (book.out / "leaderboard.html").read_text()
    assert "Who is ahead" in page and "not done yet" in page
    text = (book.out / "leaderboard.md").read_text()
    assert "seconds" not in text and str(tmp_path / "out") not in text
    times = json.loads((book.out / "times.json").read_text())
    assert times["total"] == {"seconds": 24.0, "cpu_seconds": 12.0}
    assert len(times["trials"]) == 6


def test_results_of_others_are_refused(tmp_path):
    for text, words in (("{", "is no result"), ("[]", "schema is None"), ("{}", "schema")):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(ValueError, match=rf"x\.json: .*{words}"):
            results.read_result(tmp_path / "x.json")


def likeness(metric, values, goal=None):
    table = {"reference": "real", "columns": {metric: {}}}
    rows = {"samples": {"values": {metric: values}}, "real": {"values": {metric: goal}}}
    return {**table, "rows": rows}


def test_the_score_that_decides_is_that_against_the_people_asked_for():
    found = {
        "Likeness to training clips": likeness("fid", [1.0, 3.0]),
        "Likeness to clips of unseen people": likeness("fid", [5.0, None, 6.0], 1.0),
    }
    assert decision(found, Score()) == {
        **{"metric": "fid", "table": "Likeness to clips of unseen people"},
        **{"value": 5.5, "real": 1.0, "loss": 5.5},
    }
    assert decision(found, Score(against="training"))["value"] == 2.0
    with pytest.raises(ValueError, match="kid could not be measured against clips of unseen"):
        decision(found, Score(metric="kid"))
    alone = {"Likeness to training clips": likeness("accuracy", [0.5])}
    assert decision(alone, Score(metric="accuracy"))["loss"] == -0.5


def test_a_loss_is_low_where_a_score_is_good():
    assert loss_of("fid", 2.0, None) == 2.0
    assert loss_of("coverage", 0.75, 1.0) == -0.75
    assert loss_of("jitter", 0.5, 2.0) == 1.5
    with pytest.raises(ValueError, match="jitter of real clips is not known"):
        loss_of("jitter", 0.5, None)
