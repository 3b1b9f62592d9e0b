"""Signals that ask a run to stop: noted, and what a second one does."""

from signal import SIGINT, SIGTERM, getsignal, raise_signal

import pytest

from genjax.training.interruption import interruptible


def test_a_signal_is_noted_and_the_handlers_come_back():
    before = getsignal(SIGTERM)
    with interruptible() as interruption:
        assert not interruption.asked()
        raise_signal(SIGTERM)
        assert interruption.asked()
    assert interruption.signal == SIGTERM
    assert getsignal(SIGTERM) == before


def test_a_second_sigterm_changes_nothing_and_a_second_ctrl_c_ends():
    with interruptible() as interruption:
        raise_signal(SIGTERM)
        raise_signal(SIGTERM)
        assert interruption.signal == SIGTERM
        with pytest.raises(KeyboardInterrupt):
            raise_signal(SIGINT)
