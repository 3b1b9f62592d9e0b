"""The Fisher information of a source, estimated from its own samples and kept beside its model."""

from pathlib import Path

import jax
import numpy as np
import safetensors
import safetensors.numpy

from genjax.families.learner import Learner, Networks
from genjax.families.recipes import SAMPLED
from genjax.store.model import Model
from genjax.store.run_folder import RunFolder, write_bytes
from genjax.transfer import diagonal_fisher
from genjax.tree import Tree, difference, flatten, unflatten

SEED = 0  # of the samples: the information belongs to the source, not to a run


def source_information(run: Path, source: Model, learner: Learner, *, examples: int) -> Networks:
    """{network: information} of the networks that make images, from the source's folder where it is there.

    Of a GAN the log-likelihood of a sample is what the critic makes of it, log sigmoid D(G(z)) (Li et al. 2020,
    section 4.2); of a VAE it is the evidence lower bound. No image of the source's data is needed.

    Args:
        run: folder of the source.
        source: its model.
        learner: of the same networks, all trained in full.
        examples: samples.
    """
    path = RunFolder(run).model() / f"fisher-{source.identity[:16]}-{examples}.safetensors"
    params = source.params()
    sampled = {network: params[network] for network in SAMPLED[source.config.family]}
    kept = _read(path, sampled)
    if kept is not None:
        return kept
    keys = jax.random.split(jax.random.key(SEED), examples)
    found = diagonal_fisher(lambda moved, key: learner.evidence(moved, params, key), sampled, keys)
    _write(path, found)
    return found


def _read(path: Path, like: Tree) -> Networks | None:
    try:
        flat = safetensors.numpy.load(path.read_bytes())
    except (OSError, safetensors.SafetensorError):
        return None
    found = unflatten({name: jax.device_put(leaf) for name, leaf in flat.items()})
    return None if difference(found, like) else found


def _write(path: Path, found: Networks) -> None:
    content = safetensors.numpy.save({name: np.asarray(leaf) for name, leaf in flatten(found).items()})
    try:
        write_bytes(path, content)
    except OSError:
        return  # a source that cannot be written to costs time, not the result
