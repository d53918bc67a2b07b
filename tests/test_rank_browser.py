"""The page of a ranking in a real browser: no errors, no loads, readable, sorted by a click."""

import pytest

from basemodel.report.rank_page import page
from browser import browser, chromium
from rank_fixture import ALL, hostile, ranking
from rank_large import many

pytestmark = pytest.mark.skipif(chromium() is None, reason="no chromium is installed")

SECTIONS = "Array.from(document.querySelectorAll('main > section'))"
NAMES = (
    "Array.from(document.querySelectorAll('#candidates tbody:first-of-type th'))"
    ".map(th => th.dataset.v)"
)
RIGHTMOST = (
    "Math.max(...Array.from(document.querySelectorAll('h1, h2, p, figure, dl, pre, .scroll'),"
    " element => element.getBoundingClientRect().right))"
)
HEADING = (
    "Array.from(document.querySelectorAll('#candidates thead th'))"
    ".find(th => th.textContent.trim().startsWith('{}'))"
)
# The smallest ratio of contrast (WCAG 2) between the text of elements and what is behind them.
CONTRAST = """
(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return Array.from(canvas.getImageData(0, 0, 1, 1).data);
  };
  const light = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((c) => c / 255)
      .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const paper = rgba(getComputedStyle(element).backgroundColor), share = paper[3] / 255;
    if (share === 1) return paper;
    return behind(element.parentElement).map((c, i) => share * paper[i] + (1 - share) * c);
  };
  const found = "h1, h2, p, a, td, th, small, li, dd, figcaption, .warning";
  return Math.min(...Array.from(document.querySelectorAll(found), (element) => {
    const pair = [rgba(getComputedStyle(element).color), behind(element)].map(light);
    return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
  }));
})()
"""


@pytest.fixture(scope="module")
def chrome(tmp_path_factory):
    profile = tmp_path_factory.mktemp("browser") / "profile"
    profile.mkdir()
    with browser(profile) as chrome:
        yield chrome


@pytest.fixture
def show(chrome, tmp_path):
    """Open the page of a ranking."""

    def show(made, width=1280, dark=False, media="screen"):
        file = tmp_path / "report.html"
        file.write_text(page(made), encoding="utf-8")
        chrome.view(width, dark, media)
        chrome.open(file)
        return chrome

    return show


def click(chrome, title):
    chrome.run(f"{HEADING.format(title)}.querySelector('button').click()")


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_opens_without_errors_and_shows_every_section(show, make, width):
    chrome = show(make(), width)
    assert chrome.errors() == []
    loaded = [url for url in chrome.requests() if not url.startswith("data:image/")]
    assert len(loaded) == 1 and loaded[0].endswith("/report.html")
    heights = chrome.run(f"{SECTIONS}.map(s => s.checkVisibility() ? s.offsetHeight : 0)")
    assert len(heights) == 10 and min(heights) > 40
    # The page itself is not scrolled sideways; no paragraph sticks out.
    assert chrome.run("document.documentElement.scrollWidth") == width
    assert chrome.run(RIGHTMOST) <= width


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_its_background(show, dark):
    chrome = show(ranking(), dark=dark)
    paper = chrome.run("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(22, 24, 27)" if dark else "rgb(255, 255, 255)")
    assert chrome.run(CONTRAST) >= 4.5


def test_errors_and_loads_would_be_seen(chrome, tmp_path):
    file = tmp_path / "bad.html"
    file.write_text('<img src="missing.png"><script>console.error("a"); nothing.x</script>')
    chrome.open(file)
    assert len(chrome.errors()) >= 2
    assert any(url.endswith("missing.png") for url in chrome.requests())


def test_click_sorts_and_a_second_turns_around(show):
    made = ranking()
    chrome = show(made)
    everyone = [*made["candidates"], *made["baselines"]]
    assert chrome.run(NAMES) == [each["name"] for each in everyone]

    click(chrome, "parameters")
    expected = [each["name"] for each in sorted(everyone, key=lambda each: each["parameters"])]
    assert chrome.run(NAMES) == expected
    assert chrome.run(f"{HEADING.format('parameters')}.ariaSort") == "ascending"
    click(chrome, "parameters")
    assert chrome.run(NAMES)[0] == "timm:resnet18.a1_in1k"
    assert chrome.run(f"{HEADING.format('parameters')}.ariaSort") == "descending"
    assert chrome.run("document.querySelectorAll('[aria-sort]').length") == 1

    click(chrome, "#")
    assert chrome.run(NAMES) == [each["name"] for each in everyone]


def test_large_scores_come_first_and_missing_ones_last(show):
    made = ranking()
    made["candidates"][0]["scores"]["kNN"] = {"value": None, "note": "failed"}
    chrome = show(made)
    click(chrome, "kNN")
    ordered = chrome.run(NAMES)
    assert ordered[:2] == [made["candidates"][1]["name"], made["candidates"][2]["name"]]
    assert ordered[-1] == made["candidates"][0]["name"]
    click(chrome, "kNN")
    assert chrome.run(NAMES)[0] == "untrained vit_tiny"
    assert chrome.run(NAMES)[-1] == made["candidates"][0]["name"]


def test_words_are_sorted_as_words(show):
    chrome = show(ranking())
    click(chrome, "candidate")
    assert chrome.run(NAMES) == sorted(chrome.run(NAMES))


def test_keyboard_reaches_and_sorts(show):
    chrome = show(ranking())
    for _ in range(40):
        chrome.press("Tab")
        if chrome.run("document.activeElement.textContent").strip() == "parameters":
            break
    assert chrome.run("document.activeElement.tagName") == "BUTTON"
    outline = chrome.run("getComputedStyle(document.activeElement).outline")
    assert "solid" in outline and "3px" in outline
    chrome.press("Enter")
    assert chrome.run(NAMES)[0] == "timm:tf_efficientnet_lite0.in1k"


def test_further_columns_are_behind_a_switch(show):
    chrome = show(ranking())
    visible = f"{HEADING.format('LogME')}.checkVisibility()"
    assert chrome.run(visible) is False
    chrome.run("document.querySelector('label[for=more]').click()")
    assert chrome.run(visible) is True
    assert chrome.run("document.documentElement.scrollWidth") == 1280


def visible(chrome):
    """The names of the rows that can be seen."""
    rows = "Array.from(document.querySelectorAll('#candidates tbody tr'))"
    return chrome.run(
        f"{rows}.filter(row => row.checkVisibility()).map(row => row.cells[1].dataset.v)"
    )


def test_untrained_baselines_are_behind_a_switch(show):
    made = ranking()
    chrome = show(made)
    assert visible(chrome) == [each["name"] for each in made["candidates"]]
    chrome.run("document.querySelector('label[for=baselines]').click()")
    assert visible(chrome)[6:] == [each["name"] for each in made["baselines"]]


def test_of_many_candidates_the_first_are_shown_in_any_order(show):
    made = many(60)
    chrome = show(made)
    best = [each["name"] for each in made["candidates"]]
    assert visible(chrome) == best[:15]
    assert chrome.run("document.documentElement.scrollHeight") < 6000
    click(chrome, "parameters")
    smallest = sorted(made["candidates"], key=lambda each: each["parameters"])
    assert visible(chrome) == [each["name"] for each in smallest[:15]]
    click(chrome, "#")
    chrome.run("document.querySelector('label[for=all]').click()")
    assert visible(chrome) == best


def test_a_filter_finds_candidates_that_are_folded_away(show):
    made = many(60)
    chrome = show(made)
    typed = "f => { f.value = 'swin weights2'; f.dispatchEvent(new Event('input')); }"
    chrome.run(f"({typed})(document.querySelector('input[type=search]'))")
    names = [each["name"] for each in made["candidates"]]
    assert visible(chrome) == [name for name in names if "swin" in name and "weights2" in name]


def test_without_scripts_the_order_is_the_ranking_s(show, chrome):
    made = ranking()
    chrome.scripts(False)
    try:
        show(made)
        assert chrome.run("document.querySelectorAll('button').length") == 0
        assert chrome.run(NAMES)[:6] == [each["name"] for each in made["candidates"]]
    finally:
        chrome.scripts(True)


def test_names_run_nothing(show):
    chrome = show(hostile())
    assert chrome.run("document.title").startswith("<script>")
    assert chrome.run("document.querySelectorAll('script').length") == 1


def test_print_shows_whole_tables(show):
    chrome = show(ranking(), width=700, media="print")
    assert chrome.run("document.querySelector('nav').checkVisibility()") is False
    assert chrome.run("getComputedStyle(document.querySelector('.scroll')).overflowX") == "visible"
    assert chrome.run("document.querySelector('#candidates table').offsetWidth") <= 700
