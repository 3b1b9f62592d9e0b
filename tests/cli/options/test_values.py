"""Values of the command line: numbers as people write them, and paths in the home folder."""

import dataclasses
from pathlib import Path

import pytest

from genjax.cli import main as cli
from genjax.cli.options.values import number, whole_number
from genjax.cli.parse import parse


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e5", 100_000), ("1.5e3", 1500), ("2E3", 2000), ("100_000", 100_000), ("-3", -3), ("007", 7), ("0", 0)],
)
def test_a_whole_number_may_be_written_with_an_exponent(text, value):
    read = whole_number(text)
    assert (read, type(read)) == (value, int)


@pytest.mark.parametrize("text", ["1.5", "1e-2", "abc", "", "nan", "inf", "1e400", "1e99999999999", "2,000"])
def test_what_is_no_whole_number_is_refused(text):
    with pytest.raises(ValueError, match="is no whole number"):
        whole_number(text)


def test_a_number_with_a_comma_is_quoted_as_it_was_typed():
    assert number("2.5e-3") == 0.0025
    with pytest.raises(ValueError, match=r"'2,5e-3' is no number\. Write it with a point"):
        number("2,5e-3")


def test_numbers_are_read_so_in_every_option():
    config = parse(["train", "--steps", "1e5", "--gan.width", "1e1"]).config
    assert (config.steps, config.model.width) == (100_000, 10)
    assert parse(["sample", "--num", "1e2"]).num == 100


def paths_in(command):
    """All paths of a command and its config."""
    for field in dataclasses.fields(command):
        value = getattr(command, field.name)
        if dataclasses.is_dataclass(value):
            yield from paths_in(value)
        yield from [part for part in (value if isinstance(value, tuple) else [value]) if isinstance(part, Path)]


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "--out=~/a"],
        ["adapt", "--out", "~/a", "--source=~/b"],
        ["evaluate", "--run=~/a", "--source", "~/b"],
        ["sample", "~/a", "--out=~/b.png", "--source=~/c"],
        ["report", "~/a", "~/b", "--out=~/c.html", "--source=~/d"],
        ["stability", "~/a", "~/b"],
        ["doctor", "~/a"],
    ],
    ids=" ".join,
)
def test_a_tilde_is_the_home_folder_in_every_path(arguments, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    found = set(paths_in(parse(arguments)))
    assert {tmp_path / text.rpartition("~/")[2] for text in arguments[1:] if "~/" in text} <= found
    assert not [path for path in found if "~" in path.parts]


def test_a_tilde_is_the_home_folder_where_a_run_is_read_before_its_options(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    for arguments in (["train", "--resume", "--out=~/x"], ["evaluate", "--fake=run:~/x", "--real", "digits"]):
        assert cli.main(arguments) == 2
        assert f"error: {tmp_path}/x" in capsys.readouterr().err
