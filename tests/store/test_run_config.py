"""The settings of a run beside others."""

from genjax.store.run_config import changes


def test_differences_come_in_the_order_of_todays_settings():
    """A checkpoint of another version of orbax gives its own back in another order."""
    now = {"seed": 3, "vae": {"width": 8, "kl_weight": 2.0}}
    said = "seed 0 -> 3; vae.kl_weight 1.0 -> 2.0; gone 1 -> None"
    assert changes({"gone": 1, "vae": {"kl_weight": 1.0, "width": 8}, "seed": 0}, now) == said
    assert changes({"seed": 0, "vae": {"width": 8, "kl_weight": 1.0}, "gone": 1}, now) == said
    assert changes(now, now) == ""


def test_what_then_did_not_exist_counts_as_its_default():
    assert changes({"seed": 0}, {"seed": 0, "new": 1}, {"new": 1}) == ""
    assert changes({"seed": 0}, {"seed": 0, "new": 2}, {"new": 1}) == "new 1 -> 2"
