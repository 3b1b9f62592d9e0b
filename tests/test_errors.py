"""The messages of errors."""

import pytest

from genjax.errors import InputError, StorageError, did_you_mean, lookup


def test_a_message_is_one_line_whatever_it_quotes():
    """The name of a file may hold a line break, what a terminal obeys, and what UTF-8 cannot hold."""
    name = "a\nb\x1b[2J\udcff é.png"
    assert str(InputError(f"{name} is no image")) == "a\\nb\\x1b[2J\\udcff é.png is no image"
    assert len(str(StorageError("x" * 10**6))) < 2000


def test_a_known_name_is_found():
    assert lookup({"digits": 1}, "digits", "dataset") == 1


def test_an_unknown_name_says_what_there_is_and_what_is_nearest():
    with pytest.raises(InputError, match=r"unknown dataset 'digitz'. Did you mean 'digits'\? Known: digits, glyphs\."):
        lookup({"glyphs": 1, "digits": 2}, "digitz", "dataset")


def test_nothing_is_suggested_where_nothing_is_near():
    assert did_you_mean("x", ["digits"]) == "Known: digits."
    many = [f"n{number:03}" for number in range(171)]
    assert did_you_mean("n1700", many).endswith("n019, ... (171 in all).")
    assert did_you_mean("n1700", many).startswith("Did you mean 'n170'? Known: n000, n001")
