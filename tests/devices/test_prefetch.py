"""Batches that are made ahead are those that would be made in time."""

import threading

import pytest

from genjax.devices.prefetch import prefetched


def collect(steps, *, ahead, made, stride=1):
    """The batches of these steps, and in `made` which were made."""

    def make(step):
        made.append((step, threading.current_thread() is threading.main_thread()))
        return step * 10

    with prefetched(make, following=lambda step: step + stride, last=20, ahead=ahead) as batch:
        return [batch(step) for step in steps]


@pytest.mark.parametrize("ahead", [0, 1, 6])
@pytest.mark.parametrize(
    "steps",
    [range(20), range(15, 20), [0, 1, 2, 3, 1, 2, 3, 4], [5, 0, 1]],
    ids=["from the start", "resumed", "gone back", "gone back at once"],
)
def test_each_step_has_its_batch_wherever_it_comes_from(steps, ahead):
    assert collect(steps, ahead=ahead, made=[]) == [step * 10 for step in steps]


def test_in_order_each_is_made_once_and_all_but_the_first_elsewhere():
    made = []
    collect(range(20), ahead=3, made=made)
    assert sorted(made) == [(0, True), *((step, False) for step in range(1, 20))]


def test_without_a_look_ahead_there_is_no_thread():
    made = []
    collect(range(5), ahead=0, made=made)
    assert made == [(step, True) for step in range(5)]


def test_strides_are_followed():
    made = []
    assert collect(range(0, 20, 5), ahead=6, made=made, stride=5) == [0, 50, 100, 150]
    assert sorted(step for step, _ in made) == [0, 5, 10, 15]


def test_what_cannot_be_read_is_said_at_its_own_step():
    def make(step):
        if step == 3:
            raise OSError("image 3 is gone")
        return step

    with prefetched(make, following=lambda step: step + 1, last=9, ahead=4) as batch:
        assert [batch(step) for step in range(3)] == [0, 1, 2]
        with pytest.raises(OSError, match="image 3 is gone"):
            batch(3)
        assert batch(4) == 4
