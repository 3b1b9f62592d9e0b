"""The Fisher information of a source, estimated from its own samples and kept beside its model."""

from pathlib import Path

import jax
import numpy as np
import safetensors
import safetensors.numpy

from genjax.families.learner import Networks
from genjax.families.model import Model
from genjax.families.registry import FAMILIES
from genjax.store.model import plain_stages
from genjax.store.run_folder import RunFolder, write_bytes
from genjax.transfer import diagonal_fisher
from genjax.tree import Tree, difference, flatten, unflatten
from genjax.zoo.cards import ZOO

SEED = 0  # of the samples: the information belongs to the source, not to a run


def fisher_information(run: Path, source: Model, *, examples: int) -> Networks:
    """Estimates {network: information} of the networks that make images, or reads it from the source's folder.

    Of a GAN the log-likelihood of a sample is what the critic makes of it, log sigmoid D(G(z)) (Li et al. 2020,
    section 4.2); of a VAE it is the evidence lower bound; of a flow it is minus its loss; of a prior it is that of the
    tokens. No image of the source's data is needed.

    Args:
        run: folder of the source.
        source: its model.
        examples: samples.
    """
    params, found = source.params(), {}
    offers = FAMILIES[source.config.family].offers(source.config)
    for stage in plain_stages(source.config):
        evidence = stage.learner.evidence
        own = {network: params[network] for network in stage.learner.transfers if offers[network].evidence}
        if evidence is None or not own:
            continue
        # The first stage's file has the name that it always had: a source of an earlier version is not measured again.
        suffix = f"-{stage.name}" if found else ""
        path = RunFolder(run).model() / f"fisher-{source.identity[:16]}-{examples}{suffix}.safetensors"
        kept = _read(path, own)
        if kept is None:
            keys = jax.random.split(jax.random.key(SEED), examples)
            kept = diagonal_fisher(lambda moved, key, evidence=evidence: evidence(moved, params, key), own, keys)
            if ZOO not in path.resolve().parents:
                _write(path, kept)
        found |= kept
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
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, content)
    except OSError:
        return  # a source that cannot be written to costs time, not the result
