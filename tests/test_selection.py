"""Which tests run: quick ones by default, slow ones with --slow, and whatever is named."""

import pytest
import selection

pytest_plugins = ["pytester"]

TESTS = """
import pytest

def test_quick():
    pass

@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2])
def test_marked(n):
    pass
"""
QUICK, MARKED, INSIDE = "tests/test_a.py::test_quick", "tests/test_a.py::test_marked", "tests/slow/test_b.py::test_b"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), {QUICK}),
        (("--slow",), {f"{MARKED}[1]", f"{MARKED}[2]", INSIDE}),
        (("tests",), {QUICK}),
        (("tests/test_a.py",), {QUICK, f"{MARKED}[1]", f"{MARKED}[2]"}),
        ((MARKED,), {f"{MARKED}[1]", f"{MARKED}[2]"}),
        ((f"{MARKED}[2]",), {f"{MARKED}[2]"}),
        (("tests/slow",), {INSIDE}),
        (("tests/slow/test_b.py",), {INSIDE}),
    ],
)
def test_what_runs(arguments, expected, pytester):
    pytester.makeini("[pytest]\ntestpaths = tests\n")
    for name, content in {"tests/test_a.py": TESTS, "tests/slow/test_b.py": "def test_b(): pass"}.items():
        path = pytester.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    record = pytester.inline_run("--collect-only", "-p", "no:cacheprovider", *arguments, plugins=[selection])
    left_out = {item.nodeid for call in record.getcalls("pytest_deselected") for item in call.items}
    found = {call.item.nodeid for call in record.getcalls("pytest_itemcollected")}
    assert found - left_out == expected
