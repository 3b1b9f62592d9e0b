"""Surroundings of a process make no difference to a run: time zone, locale, home, and what its paths are like."""

import json
import os
import subprocess
import sys

from PIL import Image

TINY = ["--model", "vae", "--vae.width", "8", "--vae.latent-size", "4", "--num-images", "40", "--batch", "8"]
TINY += ["--log-every", "1", "--sample-every", "2", "--save-every", "2", "--evaluate-every", "0"]


TRAIN = "import sys; from genjax.cli.main import main; sys.exit(main(sys.argv[1:]))"


USUAL = """
import sys
from genjax.cli import main as cli
out, picture, *options = sys.argv[1:]
trained = cli.main(["train", "--steps", "4", "--out", out, *options])
sys.exit(trained or cli.main(["sample", "--run", out, "--num", "4", "--out", picture]))
"""


ELSEWHERE = """
import pwd, sys
from pathlib import Path
def nobody(uid):
    raise KeyError(uid)
pwd.getpwuid = nobody
try:
    Path.home()
    sys.exit("there is a home after all")
except RuntimeError:
    pass
from genjax.cli import main as cli
out, picture, page, *options = sys.argv[1:]
for command in (
    ["train", "--steps", "2", "--out", out, *options],
    ["train", "--resume", "--steps", "4", "--out", out],
    ["sample", "--run", out, "--num", "4", "--out", picture],
    ["report", out, "--num", "20", "--out", page],
    ["doctor", out],
):
    code = cli.main(command)
    if code:
        sys.exit(f"{command[0]}: {code}")
"""


def run(code, *arguments, cwd, environment):
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=cwd, env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"Traceback" not in done.stderr
    return done


def test_another_place_another_language_another_time_zone_and_no_home(tmp_path):
    """Trained in one go where one usually is, and in two halves at the other end of the world."""
    plain = tmp_path / "plain"
    plain.mkdir()
    usual = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION")}
    run(USUAL, plain / "run", plain / "a.png", *TINY, cwd=plain, environment=usual)

    odd = tmp_path / "Ünï ☃ 'quotes' {0-9}*?#%41"
    odd.mkdir()
    strange = {name: value for name, value in usual.items() if name not in ("HOME", "XDG_CACHE_HOME", "LANG")}
    strange |= {"TZ": "Pacific/Kiritimati", "LC_ALL": "POSIX"}
    out, picture = "läufe/mit leerzeichen/日本", "bild ü.png"
    done = run(ELSEWHERE, out, picture, "seite ñ.html", *TINY, cwd=odd, environment=strange)
    assert b"go on" not in done.stderr

    left, right = plain / "run", odd / out
    assert left.joinpath("metrics.jsonl").read_bytes() == right.joinpath("metrics.jsonl").read_bytes()
    for name in ("000002.png", "000004.png"):
        assert (left / "samples" / name).read_bytes() == (right / "samples" / name).read_bytes()
    networks = [json.loads((run / "model" / "latest" / "model.json").read_text())["networks"] for run in (left, right)]
    assert networks[0] == networks[1]
    with Image.open(plain / "a.png") as first, Image.open(odd / picture) as second:
        assert first.tobytes() == second.tobytes()
    assert (odd / "seite ñ.html").read_text(encoding="utf-8").startswith("<!")


def test_a_path_that_the_locale_cannot_name_is_refused_before_anything_is_written(tmp_path):
    """Python is told to believe a locale of ASCII alone; libraries below it would fail half-way."""
    deaf = os.environ | {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-c", TRAIN, "train", "--out", "läufe", *TINY]
    done = subprocess.run(command, cwd=tmp_path, env=deaf, capture_output=True, check=False)
    assert done.returncode == 2, done.stderr
    assert b"Set PYTHONUTF8=1." in done.stderr
    assert not list(tmp_path.iterdir())
