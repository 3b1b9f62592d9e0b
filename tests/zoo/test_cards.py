"""The zoo: each model is what its card says, is found by name, and its files are what was published."""

import re
import shutil

import pytest

from genjax.errors import InputError
from genjax.store.model import load_model
from genjax.training.plan_checks import check_name
from genjax.zoo import cards as module
from genjax.zoo.cards import ZOO, cards, located, placed, run_named

NAMES = [card.name for card in cards()]


@pytest.mark.parametrize("name", NAMES)
def test_each_model_is_what_its_card_says(name):
    card = next(card for card in cards() if card.name == name)
    model = load_model(run_named(f"zoo:{name}"), sampled_only=True)
    assert model.identity == card.sha256
    assert all(card._asdict().values())


def test_they_take_less_than_30_megabytes_and_name_no_place():
    assert sum(path.stat().st_size for path in ZOO.rglob("*") if path.is_file()) < 30e6
    for path in ZOO.rglob("*.json"):
        assert not re.search(r'"/|/(home|tmp|root)/', path.read_text()), path


def test_a_path_is_a_path(tmp_path):
    assert run_named(tmp_path) == tmp_path
    assert run_named("~/runs").is_absolute()


def test_a_run_keeps_the_name_and_not_the_place(tmp_path):
    assert placed(ZOO / NAMES[0], tmp_path) == f"zoo:{NAMES[0]}"
    assert located(f"zoo:{NAMES[0]}", tmp_path) == ZOO / NAMES[0]
    assert (
        located(placed(tmp_path / "a" / "source", tmp_path / "b"), tmp_path / "b").resolve()
        == tmp_path / "a" / "source"
    )


def test_it_is_not_written_to():
    with pytest.raises(InputError, match="lies in genjax's own zoo, which is read only"):
        check_name(ZOO / NAMES[0])


def test_an_unknown_name_is_refused():
    with pytest.raises(InputError, match=r"the zoo has no 'fonts33-flow'\. Did you mean 'fonts32-flow'\?"):
        run_named("zoo:fonts33-flow")


def test_a_file_that_was_changed_is_refused(tmp_path, monkeypatch):
    shutil.copytree(ZOO / NAMES[0], tmp_path / NAMES[0])
    monkeypatch.setattr(module, "ZOO", tmp_path)
    weights = max((tmp_path / NAMES[0]).rglob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"is damaged: its sha256 is not the one in model\.json"):
        load_model(run_named(f"zoo:{NAMES[0]}"))
