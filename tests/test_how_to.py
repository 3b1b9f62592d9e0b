"""The pages of docs/how-to: their Python runs, block by block, and what they take from tests/toy.py is there."""

import re
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from toy import MEASURED
from toy_runs import TOY_MODEL, toy_config, toy_entered

from genjax.control import NO_CONTROL
from genjax.control.registry import CONTROLLERS, build_controller, join_options
from genjax.families.registry import build_learner
from genjax.store.model import load_model
from genjax.training.loop import train
from genjax.transfer import TRANSFERS
from genjax.tree import flatten

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "how-to"
TAKEN = "# from tests/toy.py\n"
MOST = 60  # lines of a page of these


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (PAGES / page).read_text(), re.DOTALL)


def run_page(page):
    """The names that the blocks of a page leave, all run in one place."""
    names: dict[str, Any] = {"__name__": page}  # by which dataclasses find where they are
    for code in blocks(page):
        if not code.startswith(TAKEN):
            exec(compile(code, page, "exec", dont_inherit=True), names)
    return names


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A folder with a run in runs/digits, as the pages have it; the toy's, which is trained at once."""
    monkeypatch.chdir(tmp_path)
    with toy_entered():
        train(toy_config(Path("runs/digits"), steps=2))
        yield tmp_path / "runs"


@pytest.mark.parametrize("page", ["own-family.md", "own-transfer.md", "own-controller.md"])
def test_a_page_is_short(page):
    assert len((PAGES / page).read_text().splitlines()) < MOST


def test_what_is_taken_from_the_toy_is_there():
    toy, taken = (ROOT / "tests" / "toy.py").read_text(), [code for code in blocks("own-family.md") if TAKEN in code]
    assert len(taken) > 3
    for code in taken:
        assert code.removeprefix(TAKEN) in toy
    assert f"in {len(toy.splitlines())} lines" in (PAGES / "own-family.md").read_text()


@pytest.mark.usefixtures("runs")
def test_the_family_of_the_page_draws():
    assert run_page("own-family.md")["images"].shape == (4, 16, 16, 1)


def test_the_transfer_of_the_page_trains_the_biases_alone(runs, monkeypatch):
    monkeypatch.setitem(TRANSFERS, "biases", None)  # put back as it was
    names = run_page("own-transfer.md")
    before, after = (flatten(load_model(run).params()) for run in (runs / "digits", names["adapted"]))
    assert [name for name in after if not np.array_equal(before[name], after[name])] == ["toy/canvas/bias"]


def test_the_controller_of_the_page_works_for_every_family():
    names = run_page("own-controller.md")
    assert names["learner"].controller.sets == ("annealed_rate",)
    with toy_entered():
        learner = build_learner(TOY_MODEL, control=names["calm"](usual=1.0))
        batch = {"image": np.zeros((8, 16, 16, 1), np.uint8)}
        state, metrics = jax.jit(learner.step)(jax.jit(learner.init)(jax.random.key(0), batch), batch)
        _, metrics = jax.jit(learner.step)(state, batch)
    assert 0.1 <= float(metrics["control/annealed_rate"]) < 1
    unknown = learner.controller.update({"loss_gradient_norm": jnp.float32(jnp.nan)}, jnp.float32(2.0))
    assert float(unknown) == 2


def test_the_spec_of_the_page_becomes_an_option():
    names = run_page("own-controller.md")
    specs = (*CONTROLLERS, names["SPEC"])
    off = {name: getattr(NO_CONTROL, name) for name in vars(NO_CONTROL)}
    control = join_options(specs)(**off, calm=10.0)
    assert build_controller(control, MEASURED, specs=specs).sets == ("annealed_rate",)
