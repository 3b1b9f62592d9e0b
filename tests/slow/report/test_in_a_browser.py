"""The pages in a real browser: they render, complain of nothing, and their tables sort."""

import shutil

import pytest

from genjax.report.comparison import comparison_page
from genjax.report.page import run_page

VALUES = """() => {
  const table = document.querySelector("table.sortable");
  const column = [...table.tHead.rows[0].cells].findIndex((cell) => cell.innerText.includes("value"));
  return [...table.tBodies[0].rows].map((row) => Number(row.cells[column].dataset.value));
}"""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("Chromium is not installed. Get it with: apt-get install chromium")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install playwright")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser, whole, three, tmp_path, request):
    """A page opened from disk on a phone, with what it said and asked for."""
    pages = {
        "run": lambda: run_page(whole, footer=""),
        "comparison": lambda: comparison_page(three, alike=lambda a, b: a["name"] == b["name"], footer=""),
    }
    file = tmp_path / "report.html"
    file.write_text(pages[request.param](), encoding="utf-8")
    page, said = browser.new_page(viewport={"width": 390, "height": 844}), []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append("a hostile name ran as a script"))
    page.on("request", lambda asked: said.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None)
    page.goto(file.as_uri())
    yield page, said
    page.close()


@pytest.mark.parametrize("opened", ["run", "comparison"], indirect=True)
def test_a_page_renders_and_sorts(opened):
    page, said = opened
    images = page.evaluate("[...document.images].map(image => [image.naturalWidth, image.alt])")
    assert images
    assert all(width > 0 and alt for width, alt in images)
    assert page.evaluate("[...document.querySelectorAll('svg')].every(svg => svg.getBoundingClientRect().height > 50)")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "the page is wider than a phone"

    def values():
        return page.evaluate(VALUES)

    heading = page.locator("table.sortable").first.locator("th", has_text="value").locator("button")
    unsorted = values()
    assert unsorted != sorted(unsorted)
    heading.click()
    assert values() == sorted(unsorted)
    heading.click()
    assert values() == sorted(unsorted, reverse=True)
    assert heading.locator("xpath=..").get_attribute("aria-sort") == "descending"
    assert not said
