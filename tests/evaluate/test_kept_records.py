"""Records that are kept with a run: shown by its report as they are, as long as they are of the model that is there."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from reading import Page
from text_to_image_tiny import kept
from tiny import train_config

from genjax.errors import InputError
from genjax.evaluate import Record
from genjax.evaluate.attributes import wilson
from genjax.evaluate.kept_records import keep_records, kept_records
from genjax.report.gather import write_report
from genjax.training.loop import train

pytestmark = pytest.mark.slow  # whole runs and their pages


def share(name, hits, n, **changes):
    """A record of a share of samples."""
    value, low, high = wilson(hits, n)
    about: dict[str, Any] = {
        "data": "glyphs:captioned:held_out",
        "data_hash": "d" * 64,
        "extractor": "attribute classifier",
    }
    about |= {"extractor_version": "9 steps", "extractor_sha256": "c" * 64, "resize": "", "seed": 7}
    kept = Record(name, value, (low, high), "Wilson", "best of 8", n_real=0, n_fake=n, split="train", **about)
    return dataclasses.replace(kept, **changes)


RECORDS = [
    share("as_asked[glyph]", 563, 600),
    share("token_nats", 1, 2, value=88.75, interval=None, interval_note="none: of one image"),
]


@pytest.fixture(scope="module")
def text_to_image(tmp_path_factory):
    """A tiny model of that kind, with its records."""
    out = Path(shutil.copytree(kept(), tmp_path_factory.mktemp("text") / "model"))
    keep_records(out, RECORDS)
    return out


def rows_of(page, label):
    """The cells of each line of the table of that name."""
    (table,) = [part for part in page.split("<table") if f'aria-label="{label}"' in part.partition(">")[0]]
    return [Page(row.partition("</tr>")[0]).text for row in table.split("<tr>")[2:]]


def test_what_is_kept_is_what_is_read_until_it_is_replaced(text_to_image, tmp_path):
    assert kept_records(text_to_image) == (RECORDS, ())
    run = tmp_path / "run"
    shutil.copytree(text_to_image, run)
    keep_records(run, RECORDS[:1])
    assert kept_records(run) == (RECORDS[:1], ())
    (run / "records.json").unlink()
    assert kept_records(run) == ([], ())


def test_the_report_shows_them_apart_from_its_own(text_to_image, tmp_path):
    page = write_report([text_to_image], tmp_path / "report.html", num=24).read_text(encoding="utf-8")
    glyph, nats = rows_of(page, "Records kept with the run")
    for words in (
        "as_asked[glyph]",
        "show what the text asks for",
        "0.9383",
        "0.916 to 0.955",
        "600",
        "attribute classifier",
    ):
        assert words in glyph
    assert "best of 8; seed 7" in glyph
    for words in ("token_nats", "88.75", "none: of one image"):
        assert words in nats
    assert not any("as_asked" in row for row in rows_of(page, "Records of the evaluation"))


def test_a_run_of_another_kind_keeps_them_alike(tmp_path):
    run = tmp_path / "run"
    train(train_config("vae", run, num_images=40, steps=2))
    assert "Measured apart" not in write_report([run], num=24).read_text(encoding="utf-8")
    keep_records(run, RECORDS)
    page = write_report([run], num=24).read_text(encoding="utf-8")
    assert [row.split()[0] for row in rows_of(page, "Records kept with the run")] == ["as_asked[glyph]", "token_nats"]


def test_those_of_another_model_are_left_out_and_said_to_be(text_to_image, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(text_to_image, run)
    path = run / "prior" / "model" / "latest" / "model.json"
    described = json.loads(path.read_text())
    described["networks"]["prior"]["sha256"] = "0" * 64
    path.write_text(json.dumps(described))
    records, (note,) = kept_records(run)
    assert records == []
    assert "are of another model" in note


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"interval": [0.1]}, "has the interval"),
        ({"interval": ["a", "b"]}, "has the interval"),
        ({"value": "high"}, "value is 'high'"),
        ({"valeu": 1.0}, "unknown key 'valeu'"),
        ({"name": None}, "name is None"),
    ],
)
def test_a_damaged_record_is_named(text_to_image, tmp_path, change, message):
    run = tmp_path / "run"
    shutil.copytree(text_to_image, run)
    values = json.loads((run / "records.json").read_text())
    values["records"][0] |= change
    (run / "records.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=message):
        kept_records(run)


def test_there_is_nothing_to_keep_without_a_model(tmp_path):
    with pytest.raises(InputError, match="holds no model that records could be of"):
        keep_records(tmp_path, RECORDS)
