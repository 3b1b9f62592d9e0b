"""Which tests a session runs: the quick ones, or with --slow those that take longer than an instant.

A test is slow by the mark `slow`, or because it lies in tests/slow (experiments, notebooks, child processes, the
browser). A file or a test that is named on the command line runs in either.
"""

from pathlib import Path

import pytest

SLOW = "slow"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds --slow."""
    parser.addoption("--slow", action="store_true", help="run the slow tests, and no others")


def pytest_configure(config: pytest.Config) -> None:
    """Makes the mark known."""
    config.addinivalue_line("markers", f"{SLOW}: takes longer than an instant; run by `make test-slow`")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Does not look into tests/slow, unless it is wanted."""
    if collection_path.name != SLOW or config.getoption("--slow") or named(config, collection_path):
        return None
    return True


def named(config: pytest.Config, path: Path) -> bool:
    """Returns True if a file, or a test in it, is an argument, or a folder around it below tests."""
    arguments = [config.invocation_params.dir / argument.partition("::")[0] for argument in config.args]
    return any(path == one or path in one.parents for one in arguments)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the tests of the other kind."""
    only_slow = config.getoption("--slow")
    chosen = {item for item in items if in_folder(item) or only_slow == is_marked(item) or by_name(config, item)}
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = [item for item in items if item in chosen]


def by_name(config: pytest.Config, item: pytest.Item) -> bool:
    """Returns True for a test that an argument names, or whose file it names."""
    return any(item.nodeid == one or item.nodeid.startswith((f"{one}::", f"{one}[")) for one in config.args)


def in_folder(item: pytest.Item) -> bool:
    """Returns True for a test of tests/slow."""
    return SLOW in Path(item.path).parts


def is_marked(item: pytest.Item) -> bool:
    """Returns True for a test with the mark."""
    return item.get_closest_marker(SLOW) is not None
