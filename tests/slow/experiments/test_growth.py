"""How a step grows."""

import json

from experiment import quick


def test_growth_is_fitted_and_drawn(tmp_path):
    quick("bench/growth", "--out", "out", folder=tmp_path)
    rows = json.loads((tmp_path / "out" / "growth.json").read_text())
    assert [(row["family"], row["quantity"], row["value"]) for row in rows] == [
        *(("gan", "width", 8), ("gan", "width", 16), ("vae", "width", 8), ("vae", "width", 16))
    ]
    assert rows[1]["bytes"] > rows[0]["bytes"]
    assert (tmp_path / "out" / "growth.png").exists()
