"""Twenty steps of a GAN and of a VAE from one seed, against recorded numbers: a change of code changes no result.

golden.json holds for every leaf of the last state and for every metric its mean, its L2 norm and its first value. It
was recorded with the jaxlib that it names. Other CPUs, and other versions, may round otherwise: a probe, the digest of
a small network's output and gradient, decides whether this machine rounds as the recorder's did. Where it does, the
numbers agree to 1e-6 of a leaf's norm, elsewhere to 1e-3.

Results that are meant to change are recorded anew, and the commit says why:
`GENJAX_GOLDEN=record pytest tests/slow/families`.
"""

import hashlib
import json
import os
from pathlib import Path

import jax
import jax.numpy as jnp
import jaxlib
import numpy as np
import pytest
from tiny import tiny_model

from genjax.control import ControlConfig
from genjax.families.registry import build_learner
from genjax.tree import flatten

GOLDEN = Path(__file__).with_name("golden.json")
FAMILIES = ("gan", "vae")
STEPS, BATCH = 20, 8
CLOSE, ELSEWHERE = 1e-6, 1e-3  # of the norm of a leaf


def probe():
    """Returns the sha256 of what convolution, matrix product and tanh of fixed numbers are on this machine."""
    rng = np.random.default_rng(1)
    images, kernel, weights = (
        rng.normal(size=shape).astype(np.float32) for shape in ((8, 16, 16, 8), (3, 3, 8, 16), (16, 32))
    )

    def forward(images, kernel, weights):
        hidden = jax.lax.conv_general_dilated(
            images, kernel, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return jnp.tanh(hidden.mean(axis=(1, 2)) @ weights)

    moved = jax.jit(jax.value_and_grad(lambda kernel: forward(images, kernel, weights).sum()))(kernel)
    return hashlib.sha256(b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(moved))).hexdigest()


def digest(values):
    """Returns mean, L2 norm and first value of a leaf, computed in float64."""
    if jnp.issubdtype(values.dtype, jax.dtypes.prng_key):
        values = jax.random.key_data(values)
    flat = np.asarray(values, np.float64).reshape(-1)
    return [float(flat.mean()), float(np.linalg.norm(flat)), float(flat[0])]


def computed(family):
    """Returns {leaf: digest} of state and metrics after the last step, with the controllers of a default run."""
    learner = build_learner(tiny_model(family), control=ControlConfig())
    images = np.random.default_rng(0).integers(0, 256, (STEPS, BATCH, 16, 16, 1), dtype=np.uint8)
    state = jax.jit(lambda key: learner.init(key, {"image": images[0]}))(jax.random.key(0))
    step, metrics = jax.jit(learner.step, donate_argnums=0), {}
    for batch in images:
        state, metrics = step(state, {"image": batch})
    leaves = {f"state{jax.tree_util.keystr(path)}": leaf for path, leaf in jax.tree_util.tree_leaves_with_path(state)}
    leaves |= {f"metrics/{name}": value for name, value in flatten(metrics).items()}
    return {name: digest(leaf) for name, leaf in leaves.items()}


def different(found, expected, tolerance):
    """Lists the leaves whose digests differ by more than this share of their norm."""
    lines = [f"{name} is only in one" for name in sorted(set(found) ^ set(expected))]
    for name in sorted(set(found) & set(expected)):
        off = np.abs(np.subtract(found[name], expected[name])).max() / max(expected[name][1], 1e-12)
        if not off <= tolerance:
            lines.append(f"{name}: {found[name]}, recorded {expected[name]}: off by {off:.1e} of its norm")
    return lines


@pytest.mark.parametrize("family", FAMILIES)
def test_twenty_steps_end_where_they_always_ended(family):
    if os.environ.get("GENJAX_GOLDEN") == "record":
        kept = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
        kept |= {"jaxlib": jaxlib.__version__, "probe": probe(), family: computed(family)}
        GOLDEN.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
        pytest.skip("recorded")
    golden = json.loads(GOLDEN.read_text())
    alike = (golden["jaxlib"], golden["probe"]) == (jaxlib.__version__, probe())
    assert not different(computed(family), golden[family], CLOSE if alike else ELSEWHERE)


def test_a_leaf_that_moved_or_that_is_not_finite_is_named():
    expected = {"a": [1.0, 2.0, 3.0], "b": [0.0, 0.0, 0.0]}
    assert not different(expected, expected, CLOSE)
    assert len(different(expected | {"a": [1.0, 2.0, 3.0 + 1e-5]}, expected, CLOSE)) == 1
    assert not different(expected | {"a": [1.0, 2.0, 3.0 + 1e-5]}, expected, ELSEWHERE)
    assert len(different(expected | {"b": [float("nan"), 0.0, 0.0]}, expected, ELSEWHERE)) == 1
    assert different({"a": [1.0, 2.0, 3.0]}, expected, CLOSE) == ["b is only in one"]
