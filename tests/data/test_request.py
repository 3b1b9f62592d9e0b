"""Requests: values that are refused, and the choice of images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genjax.data.request import EmptySplitError, Request, choose, held_out
from genjax.errors import InputError

CASES = settings(max_examples=30, deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": 24}, "--size 24 is no power of two. Use 16 or 32."),
        ({"size": 4}, "--size 4 is not from 8 to 1024. Use 8."),
        ({"size": 2048}, "--size 2048 is not from 8 to 1024. Use 1024."),
        ({"channels": 2}, "--channels 2: expected 1 (grey), 3 (colour) or 0 (as the images are)."),
        ({"split": "tset"}, "unknown split 'tset'. Did you mean 'test'? Known: all, test, train."),
        ({"num": -1}, "--num-images -1 is negative. Use 0 or more."),
        ({"seed": -5}, "--seed -5 is negative. Use 0 or more."),
    ],
)
def test_what_no_set_can_answer_is_refused(wrong: dict, message: str) -> None:
    with pytest.raises(InputError) as error:
        Request(**wrong)
    assert str(error.value) == message


@CASES
@given(n=st.integers(2, 200))
def test_a_fifth_is_held_out_and_both_parts_have_images(n: int) -> None:
    chosen = held_out([f"{i}.png" for i in range(n)])
    assert chosen.sum() == max(1, round(0.2 * n))
    assert not chosen.all()


def test_what_is_held_out_goes_with_the_name_not_the_place() -> None:
    names = [f"{i}.png" for i in range(50)]
    chosen = held_out(names)
    np.testing.assert_array_equal(held_out(names[::-1]), chosen[::-1])


def test_a_single_image_is_trained_on() -> None:
    assert held_out(["a.png"]).tolist() == [False]
    with pytest.raises(EmptySplitError, match=r"x has no image in its split 'test' \(1 in all\)"):
        choose("x", Request(split="test"), np.array([False]))


@CASES
@given(
    in_test=st.lists(st.booleans(), min_size=4, max_size=50).filter(lambda b: 1 < sum(b) < len(b)),
    seed=st.integers(0, 9),
)
def test_train_and_test_are_disjoint_and_together_all(in_test: list[bool], seed: int) -> None:
    flags = np.array(in_test)
    train, test, both = (choose("x", Request(split=s, seed=seed), flags) for s in ("train", "test", "all"))
    assert sorted([*train, *test]) == list(both) == list(range(len(flags)))
    assert flags[test].all()
    assert not flags[train].any()


def test_fewer_images_are_a_seeded_part_of_more() -> None:
    flags = np.zeros(100, bool)
    few, more, other = (choose("x", Request(num=n, seed=s), flags) for n, s in ((10, 0), (40, 0), (10, 1)))
    assert set(few) < set(more)
    assert list(few) == sorted(few)
    assert list(few) != list(other)


def test_more_images_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match=r"--num-images 9 is more than x has in its split 'train' \(8 images\). Use 8"):
        choose("x", Request(num=9), np.arange(10) >= 8)
