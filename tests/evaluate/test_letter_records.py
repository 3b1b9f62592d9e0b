"""Records of letters: the truth is perfect, another font is not, and each method says which it is."""

import numpy as np
import pytest

from genjax.data import load
from genjax.data.named_shots import rest_of, shots_named
from genjax.evaluate import letter_records as module
from genjax.evaluate.letter_records import LETTERS, Drawn, letter_records, retrieved


@pytest.fixture(scope="module")
def lora():
    whole = load("fonts:lora", size=32, channels=1, split="all")
    return rest_of(whole, "ADGMRaegkt"), shots_named(whole, "ADGMRaegkt")


@pytest.fixture
def few(monkeypatch):
    """A few families in place of all that retrieval and the ranks look at."""
    faces = {name: load(f"fonts:{name}", size=32, channels=1, split="all").images for name in ("roboto", "bitter")}
    monkeypatch.setattr(module, "_training_faces", lambda size, channels: faces)
    monkeypatch.setattr(module, "TEST", ("caveat", "press-start-2p", "lobster", "lora"))
    module._test_styles.cache_clear()
    yield
    module._test_styles.cache_clear()


def test_the_truth_is_perfect_and_another_font_is_not(lora, few):
    truth, shots = lora
    roboto = rest_of(load("fonts:roboto", size=32, channels=1, split="all"), "ADGMRaegkt").images[:]
    pixel = rest_of(load("fonts:press-start-2p", size=32, channels=1, split="all"), "ADGMRaegkt").images[:]
    drawn = [Drawn("", truth.images[:], ""), Drawn("of roboto", roboto, "other"), Drawn("of pixels", pixel, "")]
    records = letter_records(truth, shots, drawn, data="fonts:lora", split="all", seed=0)
    values = {record.name: record.value for record in records}
    assert set(values) == {" ".join(filter(None, (name, one.of))) for name in LETTERS for one in drawn}
    assert (values["distance"], values["distance_features"], values["style_rank"]) == (0, 0, 1)
    assert values["legibility"] > 0.97
    assert 0 < values["distance of roboto"] < values["distance of pixels"]
    assert values["style_rank of pixels"] > 1
    assert values["copies of roboto"] == 0
    for record in records:
        assert record.interval is None or record.interval[0] <= record.value <= record.interval[1]
        assert (record.n_real, record.n_fake) == (52, 52)
    assert "other" in next(record.method for record in records if record.name == "distance of roboto")


def test_a_sheet_of_shots_is_a_sheet_of_copies(lora, few):
    truth, shots = lora
    drawn = [Drawn("", shots.images[np.arange(52) % 10], "")]
    (record,) = letter_records(truth, shots, drawn, ["copies"], data="fonts:lora", split="all", seed=0)
    assert record.value == 1


def test_retrieval_is_the_font_whose_letters_are_most_like_the_shots(lora, few):
    found = retrieved(*lora)
    assert found.how == "bitter, nearest to the shots"
    expected = rest_of(load("fonts:bitter", size=32, channels=1, split="all"), "ADGMRaegkt").images[:]
    np.testing.assert_array_equal(found.images, expected)
