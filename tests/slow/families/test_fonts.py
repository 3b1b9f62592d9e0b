"""A model of the zoo through the verbs: drawn from, adapted to letters of a font, compared with the true others."""

import json

import pytest
from quicker_flows import quicker_flows
from toy_runs import genjax

from genjax.api import load

SHOTS = ["--data", "fonts:caveat", "--shots-of", "ADGMRaegkt", "--evaluate-every", 0]


@pytest.fixture(autouse=True, scope="module")
def quicker():
    """The flow of the zoo would compute for minutes."""
    with quicker_flows():
        yield


@pytest.fixture(scope="module")
def adapted(tmp_path_factory):
    """Three steps to ten letters; its folder is to be read only."""
    out = tmp_path_factory.mktemp("letters") / "run"
    arguments = ["--transfer", "embedding", "--steps", 3, "--out", out]
    assert genjax("adapt", "--source", "zoo:fonts32-flow", *SHOTS, *arguments) == 0
    return out


def test_the_zoo_draws_a_letter(tmp_path):
    out = tmp_path / "q.png"
    assert genjax("sample", "zoo:fonts32-flow", "--class", "Q", "--num", 2, "--steps", 2, "--out", out) == 0
    assert out.exists()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_letters_that_were_no_shots_are_compared_with_the_truth(adapted, capsys):
    capsys.readouterr()
    assert genjax("evaluate", "--run", adapted, "--json") == 0
    records = {record["name"]: record for record in json.loads(capsys.readouterr().out)}
    for name in ("distance", "legibility", "copies"):
        for of in (name, f"{name} of the source"):
            assert records[of]["n_real"] == records[of]["n_fake"] == 52
    assert records["distance"]["value"] < records["distance of the source"]["value"]
    assert any(name.startswith("KD") for name in records)
    assert genjax("evaluate", "--run", adapted, "--metrics", "membership") == 2
    assert "holds out other characters than its shots" in capsys.readouterr().err


def test_a_new_style_is_the_usual_one(adapted):
    model = load(adapted)
    own, named, old = (model.sample(2, class_name=one, steps=2) for one in ("Q", "Q in caveat:400", "Q in roboto:400"))
    assert (own == named).all()
    assert (own != old).any()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_one_shot_and_its_own_split(tmp_path, capsys):
    out = tmp_path / "run"
    arguments = ["--source", "zoo:fonts32-flow", "--data", "fonts:caveat", "--shots-of", "A", "--steps", 2]
    assert genjax("adapt", *arguments, "--evaluate-every", 0, "--transfer", "auto", "--out", out) == 0
    assert '"embedding"' in (out / "config.json").read_text()
    assert '"path": "zoo:fonts32-flow"' in (out / "model" / "latest" / "model.json").read_text()
    capsys.readouterr()
    assert genjax("evaluate", "--run", out, "--metrics", "distance,copies", "--json") == 0
    done = capsys.readouterr()
    assert "copies is left out" in done.err
    assert {record["split"] for record in json.loads(done.out)} == {"test"}
    assert {record["n_real"] for record in json.loads(done.out)} == {61}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--shots-of", "AbA"], "names 'A' twice"),
        (["--shots-of", "A?"], "fonts:caveat has no image of '?'"),
        (["--shots-of", "A", "--shots", 1], "both choose the shots"),
        (["--source", "zoo:fonts"], "the zoo has no 'fonts'. Known: digits16-gan, fonts32-flow"),
        (["--data", "fonts:roboto"], "--transfer embedding needs a style or a class that the source does not know"),
        (["--transfer", "singular_values"], "--transfer singular_values keeps style/embedding"),
        (["--out", "zoo:fonts32-flow"], "lies in genjax's own zoo"),
    ],
)
def test_bad_input_is_one_line(arguments, said, tmp_path, capsys):
    usual = {"--source": "zoo:fonts32-flow", "--data": "fonts:caveat", "--shots-of": "ADGMRaegkt"}
    usual |= {"--transfer": "embedding", "--out": tmp_path / "no"}
    given = usual | dict(zip(arguments[::2], arguments[1::2], strict=True))
    flat = [one for pair in given.items() for one in pair]
    assert genjax("adapt", *flat, "--steps", 2) == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(errors) == 1
    assert said in errors[0]
