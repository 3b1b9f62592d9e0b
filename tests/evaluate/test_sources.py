"""The ranking of sources: samples that are the shots are nearest, what cannot be adapted comes last and says why."""

import json

import numpy as np
import pytest
from toy_runs import genjax

from genjax.data import load
from genjax.errors import InputError
from genjax.evaluate.sources import FEWEST, known_sources, nearness, rank_sources


def test_samples_that_are_the_shots_have_recall_1_and_distance_0():
    digits = load("digits", size=16).images
    shots = digits[:3]
    recall, distance = nearness(shots, digits[:20])
    assert recall == 1
    assert distance == pytest.approx(0, abs=1e-5)
    far_recall, far = nearness(shots, 255 - digits[20:40])
    assert far > distance
    assert far_recall <= recall
    assert nearness(shots[:1], digits[:FEWEST])[0] == 1  # one shot is enough


def test_the_nearest_comes_first_and_what_cannot_be_adapted_last(kept_runs):
    found = rank_sources(
        "digits", shots=4, sources=["zoo:fonts32-flow", kept_runs / "vae", kept_runs / "gan"], num=FEWEST
    )
    assert sorted(one.kind for one in found) == ["GAN", "VAE", "flow model"]
    assert not any(one.refused for one in found)
    distances = [one.distance for one in found if one.distance is not None]
    assert len(distances) == 3
    assert distances == sorted(distances)
    fits = {one.kind: one.fit for one in found if one.fit is not None}
    assert set(fits) == {"VAE", "flow model"}
    assert np.isfinite(fits["VAE"])
    assert 0 < fits["flow model"] < 2
    with pytest.warns(UserWarning, match="are read as grey"):
        found = rank_sources("emoji", shots=2, sources=["zoo:fonts32-flow", kept_runs / "gan"], num=FEWEST)
    assert [one.kind for one in found] == ["GAN", "flow model"]
    assert "has classes that the model does not know" in found[1].refused
    assert found[1].distance is None


def test_what_is_asked_for_is_checked(kept_runs):
    with pytest.raises(InputError, match=r"--num 3: recall looks at the neighbour number 3. Use 4 or more"):
        rank_sources("digits", num=3)
    with pytest.raises(InputError, match="--shots and --shots-of both choose the shots"):
        rank_sources("digits", shots=3, shots_of="12")
    with pytest.raises(InputError, match="--shots 0"):
        rank_sources("digits", shots=0)
    with pytest.raises(InputError, match="has no image of 'Q'"):
        rank_sources("digits", shots_of="Q", sources=[kept_runs / "gan"])
    with pytest.raises(InputError, match=r"the zoo has no 'fonts32'"):
        rank_sources("digits", sources=["zoo:fonts32"])


def test_sources_that_nobody_named_are_the_zoo_and_the_runs(kept_runs, tmp_path):
    (tmp_path / "no run").mkdir()
    known = known_sources(kept_runs)
    assert known[0].startswith("zoo:")
    assert {str(kept_runs / name) for name in ("gan", "vae")} <= set(known)
    assert all(name.startswith("zoo:") for name in known_sources(tmp_path))


def test_the_verb_prints_a_table_or_json(kept_runs, capsys):
    runs = [str(kept_runs / "gan")]
    assert genjax("sources", *runs, "--data", "digits", "--shots", 3, "--num", 8, "--json") == 0
    (said,) = json.loads(capsys.readouterr().out)
    assert set(said) == {"source", "kind", "recall", "distance", "fit", "refused"}
    assert genjax("sources", *runs, "--data", "digits", "--shots", 3, "--num", 8) == 0
    assert capsys.readouterr().out.split()[:5] == ["source", "kind", "distance", "recall", "fit"]
    assert genjax("sources", *runs, "--data", "digits", "--shots", 30000) == 2
    assert "--shots 30000" in capsys.readouterr().err
