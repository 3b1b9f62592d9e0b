"""Budgets of CPU time: which files are over them, and whose seconds are counted where."""

import resource
from types import SimpleNamespace
from typing import Any

import budgets
import pytest
from budgets import FIXTURES, SPENT, Meter, exceeded

BUDGETS = {"total": 100, "default": 20, "files": {"tests/losses/test_a.py": 5}}


@pytest.mark.parametrize(
    ("files", "total", "expected"),
    [
        ({"tests/losses/test_a.py": 4.9, "tests/test_b.py": 19.9}, 99, []),
        ({"tests/losses/test_a.py": 5.1}, 10, ["tests/losses/test_a.py spent 5.1 CPU seconds, its budget is 5"]),
        ({"tests/test_b.py": 20.1}, 30, ["tests/test_b.py spent 20.1 CPU seconds, its budget is 20"]),
        ({"tests/test_b.py": 1.0}, 101, ["the session spent 101 CPU seconds, its budget is 100"]),
        ({}, 101, []),
    ],
)
def test_what_is_over_its_budget_is_named(files, total, expected):
    assert exceeded(files, total, BUDGETS) == expected


@pytest.fixture
def burn(monkeypatch):
    """Lets CPU seconds pass in this process."""
    spent = [10.0]
    monkeypatch.setattr(budgets, "_seconds", lambda who: spent[0] if who == resource.RUSAGE_SELF else 0.0)

    def burn(seconds):
        spent[0] += seconds

    return burn


def finish(hook, during=lambda: None):
    """Runs a wrapper around what happens inside of it."""
    next(hook)
    during()
    with pytest.raises(StopIteration):
        hook.send(None)


def run_test(meter, name, body):
    """The hooks that pytest calls for a test, with its report as the workers send it."""
    item = SimpleNamespace(user_properties=[])

    def during():
        body()
        finish(meter.pytest_runtest_makereport(item, SimpleNamespace(when="teardown")))

    finish(meter.pytest_runtest_protocol(), during)
    properties = [list(pair) for pair in item.user_properties]  # as JSON has them
    meter.pytest_runtest_logreport(SimpleNamespace(when="teardown", nodeid=name, user_properties=properties))


def test_a_test_is_charged_for_itself_and_a_session_fixture_for_itself(burn):
    meter = Meter(worker=False, strict=False)

    def inner():
        finish(meter.pytest_fixture_setup(SimpleNamespace(scope="session", argname="inner")), lambda: burn(5))
        burn(10)

    def body():
        finish(meter.pytest_fixture_setup(SimpleNamespace(scope="session", argname="outer")), inner)
        finish(meter.pytest_fixture_setup(SimpleNamespace(scope="module", argname="of a file")), lambda: burn(2))
        burn(1)

    run_test(meter, "tests/test_a.py::test_one", body)
    run_test(meter, "tests/test_a.py::test_two", lambda: burn(4))
    assert meter.tests == pytest.approx({"tests/test_a.py::test_one": 3, "tests/test_a.py::test_two": 4})
    assert meter.fixtures == pytest.approx({"inner": 5, "outer": 10})
    assert meter.files() == {"tests/test_a.py": pytest.approx(7)}


def test_a_worker_reports_what_its_process_has_spent_and_the_controller_adds_it(burn):
    worker, controller = Meter(worker=True, strict=True), Meter(worker=False, strict=True)
    session: Any = SimpleNamespace(config=SimpleNamespace(workeroutput={}), exitstatus=pytest.ExitCode.OK)
    burn(20)
    worker.pytest_sessionfinish(session)
    assert session.config.workeroutput == {SPENT: 30}
    for _ in range(2):
        controller.pytest_testnodedown(SimpleNamespace(workeroutput=session.config.workeroutput))
    assert controller.total() == 90


def test_a_worker_that_has_ended_is_counted_once(monkeypatch):
    """The system adds it to the children of the controller as well."""
    used = {resource.RUSAGE_SELF: 10.0, resource.RUSAGE_CHILDREN: 60.0}
    monkeypatch.setattr(budgets, "_seconds", used.__getitem__)
    controller = Meter(worker=False, strict=True)
    assert controller.total() == 70  # without workers: the processes that tests began
    for _ in range(2):
        controller.pytest_testnodedown(SimpleNamespace(workeroutput={SPENT: 30.0}))
    assert controller.total() == 70


@pytest.mark.parametrize(("strict", "status"), [(True, pytest.ExitCode.TESTS_FAILED), (False, pytest.ExitCode.OK)])
def test_a_session_over_its_budget_fails_where_budgets_count(strict, status):
    meter = Meter(worker=False, strict=strict)
    properties = [[SPENT, 1e6], [FIXTURES, {}]]
    report: Any = SimpleNamespace(when="teardown", nodeid="tests/test_a.py::test_one", user_properties=properties)
    meter.pytest_runtest_logreport(report)
    session: Any = SimpleNamespace(exitstatus=pytest.ExitCode.OK)
    meter.pytest_sessionfinish(session)
    assert session.exitstatus == status
