"""What a plan refuses before anything is read or written."""

import pytest
from PIL import Image
from tiny import adapt_config, train_config

from genjax.errors import InputError
from genjax.training.plan import plan_adaptation, plan_training


def test_a_run_inside_of_its_images_is_refused(kept_runs, tmp_path, monkeypatch):
    Image.new("L", (16, 16)).save(tmp_path / "0.png")
    monkeypatch.chdir(tmp_path)
    for data in ("folder:.", f"folder:{tmp_path}"):
        with pytest.raises(InputError, match=r"run lies in the folder of --data .* Use an --out outside of it\."):
            plan_training(train_config("vae", tmp_path / "run", data=data))
        with pytest.raises(InputError, match=r"lies in the folder of --data"):
            plan_adaptation(adapt_config(kept_runs / "vae", tmp_path / "run", data=data))
    assert [path.name for path in tmp_path.iterdir()] == ["0.png"]
