"""The page in a browser: it plays, filters, scrubs by keyboard, and the console stays empty."""

import shutil
import time

import pytest

from motiongen.data.synthetic import class_names, synthesise
from motiongen.noise import Estimator, noisy_view
from motiongen.viewer.page import Group, Panel, write_page

BROWSER = shutil.which("chromium")
playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no chromium")


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    groups = []
    for number, name in enumerate(class_names()[:10]):
        clean, other = synthesise(2, 1, number, [name])
        noisy = noisy_view(clean, Estimator(3), 0, number)
        groups.append(
            Group(
                name,
                [
                    Panel("real", [noisy.replace(target=None)]),
                    Panel("clean", [clean]),
                    Panel("VAE", [other], companions=[clean], notes=["4.2 cm off"]),
                ],
            )
        )
    file = tmp_path_factory.mktemp("page") / "page.html"
    return write_page(file, title="Clips", groups=groups)


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as found:
        opened = found.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, path):
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_timeout(200)
    yield page
    assert page.said == []
    # nothing is loaded but the page itself
    assert page.asked == [path.as_uri()]
    context.close()


def picture(page, row=0):
    return page.locator(f"#row-{row} canvas").first.screenshot()


def changes(page, seconds=10):
    """Whether the picture becomes another one, on a machine as busy as it may be."""
    before, end = picture(page), time.monotonic() + seconds
    while time.monotonic() < end:
        if picture(page) != before:
            return True
    return False


def test_plays_and_stops(page):
    assert changes(page)
    page.keyboard.press("Space")
    page.wait_for_timeout(500)
    # its button fades for a moment, the clip stands still
    assert not changes(page, 0.5)


def test_scrubs_by_keyboard(page):
    page.keyboard.press("Space")
    # it stopped between two frames; a step goes to a frame
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    before, clock = picture(page), page.locator("#clock").text_content()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(100)
    assert page.locator("#clock").text_content() != clock and picture(page) != before
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(100)
    assert page.locator("#clock").text_content() == clock


def test_filters_models_and_classes(page):
    assert page.locator("#row-0 .panel:visible").count() == 3
    page.get_by_role("button", name="VAE", exact=True).click()
    assert page.locator("#row-0 .panel:visible").count() == 2
    page.locator("#find").fill("squat")
    assert page.locator("[role=tab]:visible").all_text_contents() == ["squat"]
    number = class_names().index("squat")
    assert page.locator(f"#row-{number}").is_visible()
    assert page.locator(f"#row-{number} .panel:visible").count() == 2


def test_trails_change_the_picture(page):
    page.keyboard.press("Space")
    page.wait_for_timeout(100)
    before = picture(page)
    page.keyboard.press("t")
    page.wait_for_timeout(100)
    assert page.locator("#trails").is_checked() and picture(page) != before


def test_the_nearest_training_clip_stands_beside_a_sample(page):
    panel = page.locator("#row-0 .panel[data-title=VAE]")
    assert panel.locator("canvas").count() == 2
    assert "4.2 cm off" in panel.locator(".companion").text_content()


def test_every_control_is_reached_by_keyboard(page):
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"play", "scrub", "speed", "follow", "trails", "reset", "chip", "find"} <= reached


def test_fits_a_phone(browser, path):
    context = browser.new_context(viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()


def test_stands_still_for_who_wants_it(browser, path):
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_timeout(200)
    before = picture(page)
    page.wait_for_timeout(300)
    assert picture(page) == before
    context.close()
