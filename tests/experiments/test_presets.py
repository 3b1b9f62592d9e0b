"""A preset is what was measured: its config is that of the experiment whose numbers it quotes."""

from dataclasses import replace

import pytest

from experiments.text_to_image.settings import Experiment, run_config
from genjax.config.presets import PRESETS


def test_the_text_to_image_preset_is_the_experiments_config():
    measured = run_config(Experiment())
    assert replace(PRESETS["glyphs-text2image"].config, out=measured.out) == measured


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_its_evidence(name):
    preset = PRESETS[name]
    assert preset.measured
    assert preset.minutes
    assert preset.machine
    assert preset.date
