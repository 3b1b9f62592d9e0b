"""Several processes: what one finds out is told to all, and half an address is refused."""

import re

import pytest

from genjax.config.machine import MachineOptions
from genjax.devices import processes
from genjax.devices.processes import is_first, several, together, told
from genjax.errors import InputError


def test_one_process_is_the_first_and_agrees_with_itself():
    assert is_first()
    assert not several()
    assert together(lambda: [1, 2]) == [1, 2]
    assert told(lambda: {"best": float("inf")}) == {"best": float("inf")}


@pytest.mark.parametrize("error", [InputError("no such file"), OSError(28, "No space left"), MemoryError()])
def test_what_fails_in_one_process_is_told_to_all_before_it_is_raised(error, monkeypatch):
    told_to_all = []
    monkeypatch.setattr(processes, "several", lambda: True)
    gather = processes.multihost_utils.process_allgather
    monkeypatch.setattr(
        processes.multihost_utils,
        "process_allgather",
        lambda message: told_to_all.append(message) or gather(message[None]),
    )

    def work():
        raise error

    with pytest.raises(type(error)) as raised:
        together(work)
    assert str(raised.value) == str(error)
    assert bytes(told_to_all[0]).rstrip(b"\0").endswith(str(error).encode())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"coordinator": "a:1"}, "--coordinator given without --processes and --process-id. Give all three"),
        ({"processes": 2, "process_id": 0}, "--processes and --process-id given without --coordinator"),
        ({"coordinator": "here", "processes": 2, "process_id": 0}, "--coordinator here is not HOST:PORT"),
        ({"coordinator": "a:1", "processes": 2, "process_id": 2}, "--process-id 2 of --processes 2: expected 0 to 1"),
        ({"coordinator": "a:1", "processes": -1, "process_id": 0}, "--processes is -1"),
        ({"coordinator": "a:1", "processes": 2, "process_id": 0, "distributed": True}, "Use one of them"),
    ],
)
def test_half_of_what_is_needed_to_find_the_others_is_refused(options, message):
    with pytest.raises(InputError, match=re.escape(message)):
        MachineOptions(**options)
