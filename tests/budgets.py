"""CPU seconds of the tests: the most expensive are printed, and files over their budget fail the session.

CPU time of this process, its threads and its children: wall time would depend on what else the machine does. What a
session fixture costs is counted for the fixture, since it falls to whichever test comes first.
"""

import json
import os
import resource
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

BUDGETS = Path(__file__).with_name("budgets.json")
SHOWN = 15  # tests, and files, at the end of a session
SPENT = "cpu_seconds"  # name of a test's seconds among the properties of its report, which workers send
FIXTURES = "cpu_seconds_of_fixtures"


def own_seconds() -> float:
    """Returns the CPU seconds that this process alone has used."""
    return _seconds(resource.RUSAGE_SELF)


def cpu_seconds() -> float:
    """Returns the CPU seconds that this process and its ended children have used."""
    return own_seconds() + _seconds(resource.RUSAGE_CHILDREN)


def _seconds(who: int) -> float:
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def exceeded(files: dict[str, float], total: float, budgets: dict[str, Any]) -> list[str]:
    """Compares what was spent with the budgets.

    Args:
        files: {test file, seen from the root: CPU seconds of its tests}.
        total: CPU seconds of all processes, imports and collection included.
        budgets: of this kind of session in budgets.json: `total` seconds, `default` seconds of a file that is not
            named, `files` {file: seconds}.
    Returns:
        A line for each budget that was exceeded.
    """
    lines = []
    for name, seconds in sorted(files.items()):
        budget = budgets["files"].get(name, budgets["default"])
        if seconds > budget:
            lines.append(f"{name} spent {seconds:.1f} CPU seconds, its budget is {budget:g}")
    if files and total > budgets["total"]:
        lines.append(f"the session spent {total:.0f} CPU seconds, its budget is {budgets['total']:g}")
    return lines


class Meter:
    """Measures in the process that runs tests, and adds up in the one that reports."""

    def __init__(self, worker: bool, strict: bool, kind: str = "quick") -> None:
        self.worker, self.strict, self.kind = worker, strict, kind
        self.began = 0.0
        self.apart: dict[str, float] = {}  # session fixtures that the running test was the first to use
        self.tests: dict[str, float] = {}
        self.fixtures: dict[str, float] = {}
        self.others = 0.0  # CPU seconds of the workers

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self) -> Generator[None, Any, Any]:
        self.began, self.apart = cpu_seconds(), {}
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Generator[None, Any, Any]:
        if fixturedef.scope != "session":
            return (yield)
        began, inner = cpu_seconds(), sum(self.apart.values())
        try:
            return (yield)
        finally:
            inner = sum(self.apart.values()) - inner  # of session fixtures that this one asked for
            self.apart[fixturedef.argname] = self.apart.get(fixturedef.argname, 0.0) + cpu_seconds() - began - inner

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, Any, Any]:
        if call.when == "teardown":
            spent = cpu_seconds() - self.began - sum(self.apart.values())
            item.user_properties += [(SPENT, spent), (FIXTURES, self.apart)]
        return (yield)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "teardown":
            return
        for name, value in report.user_properties:
            if name == SPENT and isinstance(value, float):
                self.tests[report.nodeid] = value
            if name == FIXTURES and isinstance(value, dict):
                for fixture, seconds in value.items():
                    self.fixtures[fixture] = self.fixtures.get(fixture, 0.0) + seconds

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.others += getattr(node, "workeroutput", {}).get(SPENT, 0.0)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.worker:
            session.config.workeroutput[SPENT] = cpu_seconds()  # pyright: ignore[reportAttributeAccessIssue] - xdist's
        elif self.strict and self.over() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if not self.tests:
            return
        terminalreporter.section(f"CPU seconds: {self.total():.0f} in all")
        costly = sorted(self.tests.items(), key=lambda pair: -pair[1])[:SHOWN]
        fixtures = [(f"session fixture {name}", seconds) for name, seconds in self.fixtures.items() if seconds > 1]
        for name, seconds in [*costly, *sorted(fixtures, key=lambda pair: -pair[1])]:
            terminalreporter.write_line(f"{seconds:8.1f}  {name}")
        for name, seconds in sorted(self.files().items(), key=lambda pair: -pair[1])[:SHOWN]:
            terminalreporter.write_line(f"{seconds:8.1f}  {name}")
        for line in self.over():
            terminalreporter.write_line(f"over budget: {line}", red=self.strict, yellow=not self.strict)

    def files(self) -> dict[str, float]:
        """Returns the CPU seconds of each test file."""
        found: dict[str, float] = {}
        for name, seconds in self.tests.items():
            file = name.partition("::")[0]
            found[file] = found.get(file, 0.0) + seconds
        return found

    def total(self) -> float:
        """Returns the CPU seconds of this process and its workers, each counted once.

        A worker that has ended is a child of this process as well, and has told what it spent itself.
        """
        return (own_seconds() if self.others else cpu_seconds()) + self.others

    def over(self) -> list[str]:
        """Returns a line for each budget that was exceeded."""
        budgets = json.loads(BUDGETS.read_text(encoding="utf-8"))[self.kind]
        return exceeded(self.files(), self.total(), budgets)


def pytest_configure(config: pytest.Config) -> None:
    """Registers the meter; budgets are enforced where CI or GENJAX_BUDGETS says so."""
    strict = os.environ.get("CI") == "true" or os.environ.get("GENJAX_BUDGETS") == "1"
    kind = "slow" if config.getoption("--slow", default=False) else "quick"
    config.pluginmanager.register(Meter(hasattr(config, "workerinput"), strict, kind), "genjax-budgets")
