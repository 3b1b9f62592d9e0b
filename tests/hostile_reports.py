"""Reports of runs that were never made, with hostile names."""

import dataclasses

import numpy as np
import pytest

from genjax.report.draw.series import read_series
from genjax.report.page import Neighbourhood, RunReport

HOSTILE = "<script>alert('x')</script>\"&"


def record(name, value, **changes):
    """A record as `Record.to_json` gives it."""
    return {
        "name": name,
        "value": value,
        "interval": [value - 0.1, value + 0.1],
        "interval_note": "jackknife",
        "method": "all pairs",
        "n_real": 40,
        "n_fake": 40,
        "split": "test",
        "data": f"folder:{HOSTILE}",
        "data_hash": "d" * 64,
        "extractor": "embedded-v1",
        "extractor_version": "1",
        "extractor_sha256": "e" * 64,
        "resize": "bicubic",
        "seed": 0,
        "version": "0.1.0",
        **changes,
    }


@pytest.fixture(scope="session")
def whole():
    """A report with every part in it, and everything user-given hostile."""
    images = np.random.default_rng(0).integers(0, 256, (64, 16, 16, 1), dtype=np.uint8)
    lines = [{"step": n, "loss/a": 1.0 / n, "control/p": 0.5, f"odd/{HOSTILE}": float(n)} for n in range(1, 9)]
    strips = tuple(Neighbourhood(images[n], images[n : n + 4], 0.1 * n, HOSTILE) for n in range(3))
    return RunReport(
        name=HOSTILE,
        summary=f"A GAN trained on {HOSTILE}.",
        command=f"genjax train --data 'folder:{HOSTILE}' --out runs/train",
        facts=(("Images", HOSTILE),),
        config={"kind": "train", "config": {"data": HOSTILE, "steps": 8}, "model": {"size": 16}},
        samples=images,
        warnings=(f"Copies of {HOSTILE}.",),
        training=images[:10],
        source=images[:32],
        interpolations=images[:48].reshape(6, 8, 16, 16, 1),
        closest=strips,
        farthest=strips[::-1],
        distance_unit="in the network's own units",
        held_out=images[:16],
        reconstructed=images[16:32],
        series=read_series(lines, HOSTILE),
        records=(
            record("KD[embedded-v1]", 0.9),
            record("FD[embedded-v1]", 10.5),
            record("coverage[embedded-v1]", 0.2, interval=None),
        ),
    )


@pytest.fixture(scope="session")
def bare(whole):
    """A report with nothing but samples."""
    return RunReport("bare", "A VAE.", "genjax train", (("Images", "digits"),), {}, whole.samples[:8])


@pytest.fixture(scope="session")
def three(whole):
    """Reports to compare: two measured alike, one otherwise."""
    second = dataclasses.replace(
        whole,
        name="second",
        records=(record("KD[embedded-v1]", 0.2),),
        config={"kind": "train", "config": {"data": HOSTILE, "steps": 9}, "model": {"size": 16}},
        series={"loss/b": whole.series["loss/a"]},
    )
    other = dataclasses.replace(whole, name="other", records=(record("KD[embedded-v1]", 0.3, n_real=7),))
    return [whole, second, other]
