"""The committed reports follow from the committed numbers: what a report says is computed, not typed."""

import json

import pytest
from experiment import EXPERIMENTS

RESULTS = EXPERIMENTS / "results"
TEXT_TO_IMAGE = RESULTS / "text_to_image"


def numbers(name):
    return json.loads((RESULTS / name).read_text())


def lines(name):
    return [json.loads(line) for line in (RESULTS / name).read_text().splitlines()]


def report(name):
    return (RESULTS / name).read_text()


@pytest.mark.parametrize(
    ("name", "module", "written"),
    [
        ("bench", "bench.bench", lambda module, found: module.markdown(found)),
        ("bench_profile", "bench.layers", lambda module, found: module.markdown(found)),
        ("adaptation_cost", "bench.adaptation", lambda module, found: module.markdown(found, module.Bench())),
        ("growth", "bench.growth", lambda module, found: module.markdown(found, module.RANGES)),
        ("scale_on_paper", "bench.scale_on_paper", lambda module, found: module.markdown(found, module.Paper())),
        ("waiting", "bench.waiting", lambda module, found: module.markdown(found)),
        ("reading", "reading", lambda module, found: module.markdown(found)),
        ("scans", "fonts.scans", lambda module, found: module.markdown(found)),
        ("faults", "faults.faults", lambda module, found: module.markdown(found, found["rows"])),
        ("text_to_image/text_to_image", "text_to_image.tables", lambda module, found: module.markdown(found)),
        ("text_to_image/vq-1/text_to_image", "text_to_image.tables", lambda module, found: module.markdown(found)),
        ("text_to_image/vq-2/text_to_image", "text_to_image.tables", lambda module, found: module.markdown(found)),
        ("text_to_image/dvae-0/text_to_image", "text_to_image.tables", lambda module, found: module.markdown(found)),
    ],
)
def test_a_report_follows_from_its_numbers(name, module, written, script):
    assert written(script(module), numbers(f"{name}.json")) == report(f"{name}.md")


TABLES = {
    "few_shot": "few_shot.tables",
    "controllers": "few_shot.controllers",
    "fonts": "fonts.benchmark",
    "memorisation": "fonts.memorisation",
    "sources": "few_shot.sources",
    "gan_recipe": "gan.recipe",
    "gan_networks": "gan.networks",
    "gan_stacked": "gan.stacked",
    "gan_techniques": "gan.techniques",
    "gan_techniques_64": "gan.techniques",
}


@pytest.mark.parametrize(("name", "module"), TABLES.items())
def test_a_table_follows_from_its_rows(name, module, script):
    assert script(module).markdown(lines(f"{name}.jsonl")) == report(f"{name}.md")


def test_the_table_over_seeds_follows_from_the_trainings(script):
    folders = [TEXT_TO_IMAGE, TEXT_TO_IMAGE / "vq-1", TEXT_TO_IMAGE / "vq-2"]
    text = script("text_to_image.seeds").over_trainings(folders)
    assert text == report("text_to_image/text_to_image_seeds.md")


def test_the_bench_is_the_median_of_its_runs(script, tmp_path):
    """The committed bench combines three runs; rows that a run lacks are of the others."""
    for number in (1, 2, 3):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "bench.json").write_text(report(f"bench/run{number}.json"))
    found = script("bench.bench").combined(tuple(tmp_path / str(number) for number in (1, 2, 3)))
    committed = {row["case"]: row for row in numbers("bench.json")}
    for row in found:
        assert row == committed[row["case"]]
