"""Configs of prior, decoding and reranker refuse what cannot be, in one line."""

import pytest

from genjax.errors import InputError
from genjax.families.text_to_image.network_options import DecodingConfig, PriorConfig, RerankerConfig
from genjax.json_config import from_json, to_json
from genjax.models.segments import Segment


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PriorConfig(heads=7), r"--prior\.heads 7 does not divide --prior\.width 192\. Use 6 heads\."),
        (lambda: PriorConfig(width=0), r"--prior\.width is 0, expected 1 or more"),
        (lambda: PriorConfig(null_probability=1.0), r"--prior\.null-probability is 1\.0, expected less than 1"),
        (lambda: PriorConfig(condition_weight=-0.1), r"--prior\.condition-weight is -0\.1"),
        (lambda: PriorConfig(learning_rate=float("nan")), r"--prior\.learning-rate is nan"),
        (lambda: DecodingConfig(temperature=-1.0), r"--decoding\.temperature is -1\.0"),
        (lambda: DecodingConfig(top_p=0.0), r"--decoding\.top-p is 0\.0"),
        (lambda: DecodingConfig(top_p=1.5), r"--decoding\.top-p is 1\.5, expected a probability"),
        (lambda: DecodingConfig(steps=0), r"--decoding\.steps is 0"),
        (lambda: RerankerConfig(text_heads=5), r"--reranker\.text-heads 5 does not divide .* 96\. Use 4 heads"),
        (lambda: RerankerConfig(embedding_size=0), r"--reranker\.embedding-size is 0"),
        (lambda: Segment("text", 0, 5), r"--text\.length is 0"),
        (lambda: Segment("tokens", 10, 5, columns=4), "10 tokens tokens do not fill rows of 4"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, message):
    with pytest.raises(InputError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "config",
    [
        PriorConfig(objective="masked", width=64, heads=4),
        DecodingConfig(guidance=3.0, top_k=50),
        RerankerConfig(width=16),
        Segment("tokens", 64, 512, columns=8),
    ],
    ids=lambda config: type(config).__name__,
)
def test_configs_come_back_from_json(config):
    assert from_json(type(config), to_json(config), where="model.json") == config


def test_an_unknown_key_is_an_error():
    with pytest.raises(InputError, match=r"unknown key 'hedas'\. Did you mean 'heads'"):
        from_json(PriorConfig, {"hedas": 4}, where="model.json")
