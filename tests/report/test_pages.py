"""Whole pages: alone in the world, escaped, and with the parts that there are."""

import json

import pytest
from reading import Page, check_alone

from genjax.report.comparison import comparison_page, differ, run_settings
from genjax.report.page import run_page

PARTS = [
    "Samples",
    "Source and adaptation",
    "Interpolations",
    "Reconstructions",
    "Nearest training images",
    "Evaluation",
    "Along training",
    "What was trained, and how to repeat it",
]


def alike(first, second):
    return (first["name"], first["n_real"]) == (second["name"], second["n_real"])


@pytest.fixture(scope="module")
def page(whole):
    return Page(run_page(whole, footer="Written by genjax."))


@pytest.fixture(scope="module")
def compared(three):
    return Page(comparison_page(three, alike=alike, footer="Written by genjax.", notes=("Not all is comparable.",)))


def headings(page):
    return [attributes["href"] for attributes in page.all("a")]


def test_pages_need_nothing_else(page, compared):
    check_alone(page)
    check_alone(compared)


def test_what_users_give_is_text(page, compared, whole):
    for one in (page, compared):
        assert whole.name in one.text
        assert f"folder:{whole.name}" in one.text
        assert f"Copies of {whole.name}." in one.text
    assert any(whole.name in image["alt"] for image in page.all("img"))
    assert "".join(page.texts).count(whole.command) == 1


def test_a_whole_report_has_every_part(page):
    assert len(headings(page)) == len(page.all("section")) == len(PARTS)
    assert [attributes["id"] for attributes in page.all("section")] == [link[1:] for link in headings(page)]
    for part in PARTS:
        assert part in page.text
    assert len(page.all("img")) == 5 + 2 * 6
    assert [tag for tag, _ in page.elements if tag in ("h1", "aside", "nav", "section", "footer")] == [
        *("h1", "aside", "nav"),
        *["section"] * len(PARTS),
        "footer",
    ], "warnings stand on top"


def test_a_bare_report_has_no_empty_part(bare):
    page = Page(run_page(bare, footer=""))
    check_alone(page)
    assert headings(page) == ["#samples", "#what-was-trained-and-how-to-repeat-it"]
    assert not page.all("aside")
    assert not page.all("table")
    assert len(page.all("img")) == 1


def test_curves_by_heading_and_what_never_changes_in_a_line(page):
    assert len(page.all("svg")) == 2
    assert "Losses" in page.text
    assert "Knobs of the controllers" in page.text
    assert "The same throughout: control/p = 0.5." in page.text
    assert "Norms of gradients and parameters" not in page.text


def test_the_table_says_all_that_a_number_needs(page):
    text = page.text
    for part in (
        "KD[embedded-v1]",
        "0.8 to 1",
        "jackknife",
        "40",
        "test",
        "eeeeeeee",
        "all pairs; seed 0",
    ):
        assert part in text
    assert {"scope": "col"} in page.all("th")
    assert {"data-value": "10.5", "class": "number"} in page.all("td")


def test_the_whole_config_is_there(page, whole):
    assert json.dumps(whole.config, indent=2) in page.texts


def test_the_page_fits_a_phone_and_the_dark(page):
    metas = {meta.get("name"): meta.get("content") for meta in page.all("meta")}
    assert metas["viewport"] == "width=device-width, initial-scale=1"
    assert "prefers-color-scheme: dark" in "".join(page.code)


def test_only_what_was_measured_alike_shares_a_panel(compared, whole):
    labels = [svg["aria-label"] for svg in compared.all("svg") if svg["aria-label"].startswith("KD[")]
    assert len(labels) == 1
    assert f"of {whole.name}: 0.9 (0.8 to 1)" in labels[0]
    assert "of second: 0.2 (0.1 to 0.3)" in labels[0]
    assert "of other" not in labels[0]


def test_a_comparison_begins_with_its_warnings(compared, whole):
    assert "Not all is comparable." in compared.text
    assert f"{whole.name}, second, other: Copies of {whole.name}." in compared.text


def test_a_comparison_names_the_settings_that_differ():
    first = {"kind": "train", "config": {"steps": 8, "out": "a", "gan": {"width": 4}}, "model": {"size": 16}}
    second = {"kind": "adapt", "config": {"steps": 9, "out": "b", "shots": 10, "batch": 0}, "model": {"size": 16}}
    settings = [run_settings(first), run_settings(second)]
    assert [name for name in {**settings[0], **settings[1]} if differ(name, settings)] == ["kind", "steps", "shots"]


def test_runs_without_records_or_curves_are_compared_too(bare, whole):
    page = Page(comparison_page([bare, whole], alike=alike, footer=""))
    check_alone(page)
    assert "#measured" not in headings(page)
