"""NaN and infinity in a batch, a gradient or a controller: the update is skipped, counted, logged, and not for ever."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tiny import LEARNERS, TINY_VAE, leaves_equal, train_config

from genjax.cli.main import main
from genjax.config import VaeConfig
from genjax.control import Controller, collapse_guard
from genjax.families.step import counted, update
from genjax.store.metrics import read_metrics
from genjax.training import loop, recovery
from genjax.training.loop import train
from genjax.tree import flatten

NETWORKS = {"gan": ("critic", "generator"), "vae": ("vae",)}


@pytest.mark.slow
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_batch_that_is_not_finite_moves_nothing_and_is_counted(compiled, batches, value):
    learner, step, init = compiled
    bad = (batches[0]["image"] / 127.5 - 1).astype(np.float32)
    bad[3, 2, 5] = value
    state, _ = step(init(jax.random.key(0)), {"image": (batches[0]["image"] / 127.5 - 1).astype(np.float32)})
    before = jax.tree.map(np.asarray, flatten(state.trainable))
    state, metrics = step(state, {"image": bad})
    networks = tuple(learner.transfers)
    read = "vae" if "vae" in networks else "critic"  # of a GAN, the generator sees no image
    assert int(metrics[f"skipped/{read}"]) == int(metrics[f"skipped/{read}_in_a_row"]) == 1
    for name, leaf in flatten(state.trainable).items():
        assert name.split("/")[0] != read or np.array_equal(leaf, before[name]), name
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in flatten((state.trainable, state.average)).values())
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in flatten(state.control).values()), "controllers forget it"
    state, metrics = step(state, {"image": (batches[1]["image"] / 127.5 - 1).astype(np.float32)})
    assert (int(metrics[f"skipped/{read}"]), int(metrics[f"skipped/{read}_in_a_row"])) == (1, 0)
    assert all(bool(jnp.isfinite(metric)) for metric in metrics.values())


@pytest.mark.parametrize("knob", ["learning_rate_scale", "vae_rate"])
def test_a_rate_that_is_not_finite_moves_nothing(knob):
    """From a controller of a user's own; ours keep to their bounds."""
    optimizer, tree = optax.adam(0.1), {"kernel": jnp.ones(3)}
    start = counted(optimizer.init(tree))
    done = update(optimizer, {"kernel": jnp.ones(3)}, start, tree, {knob: jnp.float32(jnp.nan)}, "vae")
    leaves_equal((done.trainable, done.optimizer_state.state), (tree, start.state))
    assert int(done.optimizer_state.skipped) == 1


@pytest.mark.slow
@pytest.mark.parametrize("family", LEARNERS)
def test_a_controller_whose_signals_and_knobs_are_not_finite(family, batches):
    """Whatever it sets, parameters stay finite, and the run can be told to be stuck."""
    sets = ("critic_rate",) if family == "gan" else ("kl_weight",)
    broken = Controller(
        lambda: jnp.zeros(()),
        lambda signals, state: state + jnp.nan * signals["images"],
        lambda state: dict.fromkeys(sets, state + jnp.nan),
        reads=("images",),
        sets=sets,
    )
    learner = LEARNERS[family](controller=broken, **({"augment": None} if family == "gan" else {}))
    step, init = jax.jit(learner.step), jax.jit(lambda key: learner.init(key, batches[0]))
    state, _ = step(init(jax.random.key(0)), batches[0])
    state, metrics = step(state, batches[1])
    assert int(metrics[f"skipped/{NETWORKS[family][0]}_in_a_row"]) == 2
    assert all(bool(jnp.isfinite(leaf).all()) for leaf in flatten((state.trainable, state.average)).values())


WILD = VaeConfig(width=8, latent_size=4, learning_rate=1e30)  # every loss after the first update is not finite


def test_a_run_that_learns_nothing_is_given_up(tmp_path, monkeypatch, capsys):
    """Without a collapse guard, too: it used to go on to its last step."""
    monkeypatch.setattr(recovery, "STUCK", 20)
    monkeypatch.setattr(
        loop, "plan_training", lambda *arguments, real=loop.plan_training, **options: real(wild, **options)
    )
    wild = train_config("vae", tmp_path / "run", steps=4000, log_every=5, save_every=10, vae=WILD)
    assert main(["train"]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "given up at step 25: the last 20 updates or more of the vae were skipped" in line
    last = read_metrics(tmp_path / "run" / "metrics.jsonl")[-1]
    assert (last["step"], last["skipped/vae"], last["skipped/vae_in_a_row"]) == (25, 24, 24)


@pytest.mark.slow
def test_skips_are_said_at_the_end_and_survive_a_stop(tmp_path, monkeypatch, capsys):
    """One step of nine has a batch that is not finite, between two lines of the log."""
    config = train_config("vae", tmp_path / "straight", steps=9, log_every=3, save_every=3, vae=TINY_VAE)
    real = loop.plan_training

    class Spoilt:
        """Images as floats, of which one is not a number."""

        def __init__(self, images):
            self.images, self.shape = images.astype(np.float32) / 127.5 - 1, images.shape
            self.images[7] = np.nan

        def __len__(self):
            return len(self.images)

        def __getitem__(self, indices):
            return self.images[indices]

    def spoilt(*arguments, **options):
        plan = real(*arguments, **options)
        object.__setattr__(plan.images, "images", Spoilt(plan.images.images))
        return plan

    monkeypatch.setattr(loop, "plan_training", spoilt)
    straight = train(config)
    assert "updates were skipped, for gradients that were not finite or too long: " in capsys.readouterr().err
    lines = read_metrics(tmp_path / "straight" / "metrics.jsonl")
    counts = [line["skipped/vae"] for line in lines]
    assert counts == sorted(counts)
    assert counts[-1] >= 1
    for steps in (3, 9):
        stopped = train(train_config("vae", tmp_path / "run", steps=steps, log_every=3, save_every=3), resume=steps > 3)
    leaves_equal(stopped.state, straight.state)
    assert read_metrics(tmp_path / "run" / "metrics.jsonl") == lines


def test_the_collapse_guard_acts_before_the_bound():
    guard = collapse_guard(critic=False)
    state = guard.init()
    for _ in range(50):
        state = guard.update({"finite": jnp.zeros(()), "diversity": jnp.ones(())}, state)
    assert float(guard.knobs(state)["collapsed"]) == 1
    assert recovery.STUCK > 50
