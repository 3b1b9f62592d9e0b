"""A rehearsal compiles nothing. Slow, since what this process has compiled before is forgotten for it."""

import jax.numpy as jnp
import pytest
from text_to_image_tiny import text_config
from tiny import adapt_config, train_config
from uncompiled import nothing_compiled

from genjax.training.dry_run import rehearse
from genjax.training.loop import train


def test_nothing_is_compiled(tmp_path):
    source = train(train_config("vae", tmp_path / "source", steps=2)).folder.path
    with nothing_compiled():
        rehearse(train_config("gan", tmp_path / "gan"))
        rehearse(train_config("vae", tmp_path / "vae"))
        rehearse(adapt_config(source, tmp_path / "adapted", transfer="freeze,lora"))
        rehearse(text_config(tmp_path / "text_to_image"))
    with pytest.raises(AssertionError, match="convert_element_type"), nothing_compiled():
        jnp.ones(())  # the smallest program is heard
