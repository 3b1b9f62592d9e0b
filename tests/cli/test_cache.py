"""`genjax cache` says which sets are kept, and clears them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from genjax.cli import main as cli
from genjax.data import load, reading


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of five images that has been read once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(reading, "KEPT_FILES", 5)
    (tmp_path / "photos").mkdir()
    for i in range(5):
        Image.fromarray(np.full((16, 16, 3), i, np.uint8)).save(tmp_path / "photos" / f"{i}.png")
    load(f"folder:{tmp_path / 'photos'}", size=8)
    return tmp_path / "photos"


def test_what_is_kept_is_shown_and_cleared(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["cache"]) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines()[2].split()[:4] == [str(photos), "8x8x3", "5", "0.0"]
    assert "1 decoded set, 0.0 of at most 8,192 MiB, in " in shown.err
    assert cli.main(["cache", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["place"], one["shape"], one["files"]) == (str(photos), [5, 8, 8, 3], 5)
    assert cli.main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == "deleted 0.0 MiB of decoded sets\n"
    assert cli.main(["cache", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert cli.main(["cache"]) == 0
    assert "0 decoded sets" in capsys.readouterr().err
