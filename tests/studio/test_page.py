"""The studio in a browser: it plays, samples, and what it exports reads back."""

import functools
import shutil
import threading
import time

import pytest
import torch

from motiongen.encoders import CNN
from motiongen.formats.arrays import Arrays
from motiongen.generators import VAE
from motiongen.studio.page import serve
from motiongen.studio.session import Session
from motiongen.testing.examples import example_clips, example_spec

BROWSER = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]
playwright = pytest.importorskip("playwright.sync_api")
pytest.importorskip("viser")
pytestmark = [
    pytest.mark.skipif(BROWSER is None, reason="there is no chromium"),
    # viser and what it stands on
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def studio():
    torch.manual_seed(0)
    models = {}
    for name in ("one", "two"):
        model = VAE(example_spec(), functools.partial(CNN, width=8, layers=1), latent=4)
        model.fit_statistics(example_clips(model.spec))
        model.refresh(example_clips(model.spec))
        models[name] = model.eval()
    page = serve(Session(models), 0)
    player = threading.Thread(target=page.run, daemon=True)
    player.start()
    yield page
    # what still plays when the server has gone would fail in some later test
    page.close()
    player.join()
    page.server.stop()


@pytest.fixture(scope="module")
def browser_page(studio):
    with playwright.sync_playwright() as found:
        browser = found.chromium.launch(executable_path=BROWSER, args=FLAGS)
        # small: the scene is drawn by the processor
        page = browser.new_page(viewport={"width": 700, "height": 600})
        page.set_default_timeout(30_000)
        page.errors, page.asked = [], []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("console", lambda m: page.errors.append(m.text) if m.type == "error" else None)
        page.goto(f"http://127.0.0.1:{studio.server.get_port()}")
        page.get_by_text("Next seed").wait_for(timeout=30_000)
        yield page
        browser.close()


def until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.mark.slow
def test_opens_plays_samples_and_exports(browser_page, studio, tmp_path):
    page = browser_page
    page.locator("canvas").first.wait_for()
    frame = studio.frame.value
    until(lambda: studio.frame.value != frame)
    studio.play.value, studio.frame.value = False, 0
    page.wait_for_timeout(1500)
    before = page.screenshot()
    studio.frame.value = studio.stage.frames - 1
    page.wait_for_timeout(1500)
    assert page.screenshot() != before
    seed, shown = studio.seed.value, studio.shown
    page.get_by_role("button", name="Next seed").click()
    until(lambda: studio.shown is not shown)
    assert studio.seed.value == seed + 1 and len(studio.shown) == 2
    assert "2 clip(s) in" in studio.note.content
    with page.expect_download(timeout=30_000) as waiting:
        page.get_by_role("button", name="Export", exact=True).click()
    file = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(file)
    reader = Arrays(file)
    assert torch.equal(reader.load(reader.index()[0]).joints, studio.shown[0].joints)
    assert page.errors == []
    outside = [
        url for url in page.asked if "127.0.0.1" not in url and url[:4] not in ("blob", "data")
    ]
    assert outside == []


def test_walks_between_kept_clips_and_says_what_is_not_possible(studio):
    studio.between()
    assert "Not possible" in studio.note.content or studio.way
    studio.keep()
    names = list(studio.kept)
    assert len(names) == 2 and tuple(studio.first.options) == tuple(names)
    studio.second.value = names[1]
    studio.between()
    assert len(studio.way) == 9
    studio.share.value = 8
    until(lambda: studio.shown == [studio.way[8]])


def test_varies_and_fills_what_was_kept(studio):
    studio.keep()
    studio.like()
    assert len(studio.shown) == 2 and "like-" in studio.shown[0].id
    studio.span.value = (1, 4)
    studio.fill()
    assert len(studio.shown) == 3 and "filled-" in studio.shown[1].id


def test_listens_on_this_machine_only(studio):
    assert studio.server.get_host() == "127.0.0.1"
