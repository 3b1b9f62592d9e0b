"""The bench against plain Flax and the machine."""

import json

from experiment import quick

from experiments.bench import layers


def test_the_bench_compares_with_plain_flax_and_the_machine(tmp_path):
    rows = json.loads(quick("bench/bench", "--json", "--out", "out", folder=tmp_path).stdout)
    assert [row["case"] for row in rows] == ["demo", "sample_1"]
    assert rows[0]["against_naive"][0] > 0  # how fast it is depends on what else the machine does
    assert rows[0]["of_limit"] > 0
    assert "| demo's GAN step" in (tmp_path / "out" / "bench.md").read_text()


def test_a_profile_knows_what_a_step_needs_of_its_layers():
    """One VAE step runs each stack forward and backward: 2 x 3 forms, but for the gradient in the image."""
    needed = layers.needed

    assert needed("vae", 8) == {"double": 2, "halve": 2, "correlate": 2}
    assert needed("vae", 16) == {"double": 1, "halve": 2, "correlate": 2}
    assert needed("dcgan", 4) == {"double": 4, "halve": 4, "correlate": 3}
    assert needed("dcgan", 16) == {"double": 2, "halve": 4, "correlate": 3}
    assert needed("sample_1", 16) == {"double": 1, "halve": 0, "correlate": 0}

    one = {form: {"genjax": 1.0, "plain": 10.0} for form in layers.FORMS}
    alone = [{"resolution": resolution, "product": 100.0, **one} for resolution in (8, 16)]
    assert layers.sum_convolutions("vae", alone) == {
        "genjax_convolutions": 11.0,
        "plain_convolutions": 110.0,
        "product_convolutions": 1100.0,
    }


def test_times_are_shown_without_an_exponent():
    assert [layers.digits(value, 2) for value in (0.0164, 9.43, 352.9)] == ["0.016", "9.4", "350"]
    assert layers.digits(3611.1, 3) == "3,610"
