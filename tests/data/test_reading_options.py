"""The options by which a folder is read are the same wherever they are typed, kept or handed on."""

import inspect

import pytest

from genjax.config import AdaptConfig, TrainConfig
from genjax.data import Request, load
from genjax.data.large_images import check_max_pixels
from genjax.data.reading_options import ReadingOptions, check_class_depth
from genjax.errors import InputError


@pytest.mark.parametrize("config", [TrainConfig, AdaptConfig])
def test_runs_have_them_and_load_takes_them(config: type) -> None:
    options = ReadingOptions()
    assert config().reading == options.reading
    assert config(class_depth=3, skip_broken=True).reading == options.reading | {"class_depth": 3, "skip_broken": True}
    taken = inspect.signature(load).parameters
    assert {name: taken[name].default for name in options.reading} == options.reading
    assert {name: getattr(Request(), name) for name in options.reading} == options.reading


def test_a_depth_below_one_is_refused() -> None:
    check_class_depth(1)
    with pytest.raises(InputError, match=r"--class-depth 0 names no class\. Use 1 or more\."):
        check_class_depth(0)


def test_a_limit_that_leaves_out_all_is_refused() -> None:
    check_max_pixels(1)
    for refused in (
        lambda: check_max_pixels(0),
        lambda: TrainConfig(max_pixels=0),
        lambda: load("digits", max_pixels=0),
    ):
        with pytest.raises(
            InputError, match=r"--max-pixels 0 leaves out every image\. Use 1 or more, or leave it out\."
        ):
            refused()
