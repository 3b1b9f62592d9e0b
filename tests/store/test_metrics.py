"""metrics.jsonl: no line twice, none torn, and TensorBoard beside it."""

import json

import numpy as np
import pytest

from genjax.store.metrics import open_metrics, read_metrics
from genjax.store.run_folder import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path)


def test_lines_come_back(folder):
    with open_metrics(folder, step=0) as metrics:
        metrics.write(1, {"loss/kl": np.float32(0.5)})
        metrics.picture(1, "samples", np.zeros((4, 4, 1), np.uint8))
    assert read_metrics(folder.metrics) == [{"step": 1, "loss/kl": 0.5}]
    (events,) = folder.path.glob("events.out.tfevents*")
    assert b"loss/kl" in events.read_bytes()
    assert b"samples" in events.read_bytes()


def test_lines_beyond_the_step_are_dropped_on_resume(folder):
    with open_metrics(folder, step=0) as metrics:
        for step in (1, 2, 3):
            metrics.write(step, {"x": step})
    with open_metrics(folder, step=2) as metrics:
        metrics.write(3, {"x": 30})
    assert [(line["step"], line["x"]) for line in read_metrics(folder.metrics)] == [(1, 1), (2, 2), (3, 30)]


def test_a_torn_line_is_left_out_and_removed_on_resume(folder):
    folder.metrics.write_text('{"step": 1, "x": 1.0}\n{"step": 2, "x"')
    assert read_metrics(folder.metrics) == [{"step": 1, "x": 1.0}]
    with open_metrics(folder, step=1) as metrics:
        metrics.write(2, {"x": 2})
    assert folder.metrics.read_text() == '{"step": 1, "x": 1.0}\n{"step": 2, "x": 2.0}\n'


def test_damage_anywhere_costs_its_line_alone(folder):
    """Bytes that are no text, JSON that is no line of a log, numbers that are none."""
    damage = [b"\xff\xfe", b"[" * 100_000, b"[1]", b"12", b'{"x": 1.0}', b'{"step": "2"}', b'{"step": 2, "x": "1"}']
    damage += [b'{"step": 2, "x": [1]}', b'{"step": true}', b'{"step": ' + b"9" * 400 + b"}", b""]
    good = [b'{"step": 1, "x": 1.0}', b'{"step": 3, "x": NaN}', b'{"step": 4, "x": Infinity}']
    folder.metrics.write_bytes(b"\n".join([good[0], *damage, *good[1:]]))
    assert [line["step"] for line in read_metrics(folder.metrics)] == [1, 3, 4]
    with open_metrics(folder, step=3):
        pass
    assert folder.metrics.read_bytes().splitlines() == [good[0], b'{"step": 3, "x": null}']


def test_what_is_not_finite_is_null_in_strict_json_and_comes_back_as_nan(folder):
    """Node, pandas and other strict readers refuse bare NaN and Infinity."""
    with open_metrics(folder, step=0) as metrics:
        metrics.write(1, {"loss": np.nan, "a": np.inf, "b": -np.inf, "c": 1.0})
    with open_metrics(folder, step=1) as metrics:  # resumed: what was kept is written anew
        metrics.write(2, {"loss": np.float32(np.inf)})

    def refuse(constant):
        raise AssertionError(constant)

    lines = [json.loads(line, parse_constant=refuse) for line in folder.metrics.read_text().splitlines()]
    assert lines == [{"step": 1, "loss": None, "a": None, "b": None, "c": 1.0}, {"step": 2, "loss": None}]
    first, second = read_metrics(folder.metrics)
    assert np.isnan([first["loss"], first["a"], first["b"], second["loss"]]).all()
    assert first["c"] == 1.0
