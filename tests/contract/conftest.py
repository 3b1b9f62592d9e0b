"""The toy family is entered for all tests of this folder, and trained once for them."""

import pytest
from toy_runs import TOY_LINE, genjax, toy_entered


@pytest.fixture(scope="module", autouse=True)
def entered():
    """Enters the toy family."""
    with toy_entered():
        yield


@pytest.fixture(scope="session")
def source(tmp_path_factory):
    """The folder of a toy that was trained for 4 steps on the command line; to be read only."""
    out = tmp_path_factory.mktemp("toy") / "run"
    options = ["--evaluate-every", 0, "--toy.rate", 0.2, "--out", out]
    with toy_entered():
        assert genjax("train", "--model", "toy", *TOY_LINE, *options) == 0
    return out
