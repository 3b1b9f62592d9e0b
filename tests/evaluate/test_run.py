"""Judging images of any origin: runs, folders and .npz files on either side."""

import json

import numpy as np
import pytest
from text_to_image_tiny import kept

from genjax.data import load
from genjax.errors import InputError
from genjax.evaluate.run import judge
from genjax.evaluate.sampling import sample_run
from genjax.report.draw.grid import save_image, save_images


@pytest.fixture
def run(kept_runs):
    return kept_runs / "vae"


def test_a_set_against_itself_is_at_distance_zero(tmp_path):
    np.savez(tmp_path / "x.npz", images=np.asarray(load("digits", split="test").images[:]))
    (record,) = judge(f"npz:{tmp_path / 'x.npz'}", "digits", metrics=("fd",))
    assert record.value == pytest.approx(0, abs=1e-6)
    assert (record.n_real, record.n_fake) == (359, 359)


def test_a_folder_is_judged_like_the_run_it_came_from(run, tmp_path):
    save_images(tmp_path / "out", sample_run(run, 50))
    (from_run,) = judge(f"run:{run}", "digits", num=50, metrics=("kd",))
    (from_folder,) = judge(f"folder:{tmp_path / 'out'}", "digits", size=16, metrics=("kd",))
    assert from_folder.value == pytest.approx(from_run.value, rel=1e-9)


def test_a_run_can_stand_on_the_real_side(run):
    (record,) = judge(f"run:{run}", f"run:{run}", num=50, metrics=("kd",))
    assert (record.n_real, record.n_fake) == (1000, 50)


def test_images_of_another_size_are_refused(run, tmp_path):
    np.savez(tmp_path / "x.npz", images=np.zeros((5, 32, 32, 1), np.uint8))
    with pytest.raises(InputError, match=r"holds images of 32x32, expected 16x16"):
        judge(f"npz:{tmp_path / 'x.npz'}", f"run:{run}", size=16)


def test_few_images_are_warned_of(run, capsys):
    judge(f"run:{run}", "digits", num=10, metrics=("fd",))
    assert "warning: FD[embedded-v1] from 359 real and 10 generated images is too high" in capsys.readouterr().err


@pytest.mark.slow
def test_captions_of_unknown_words_are_said_to_be_those_of_the_real_set(tmp_path):
    for number in range(5):
        save_image(tmp_path / f"{number}.png", np.full((16, 16, 3), 40 * number, np.uint8))
    lines = [json.dumps({"file": f"{number}.png", "caption": f"word{number}"}) for number in range(5)]
    (tmp_path / "captions.jsonl").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"knows the words of none of the 1 captions of folder:.*, part 'test'"):
        judge(f"run:{kept()}", f"folder:{tmp_path}", metrics=("kd",))
