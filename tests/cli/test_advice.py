"""What an error message advises is typed, as a user would: it works, or leads to another clear line.

The advice is read out of the message itself, so that a message whose advice is wrong fails here.
"""

import re
import shutil

import numpy as np
import pytest
from PIL import Image
from toy_runs import TOY_LINE, genjax, toy_config, toy_entered

from genjax.training.loop import train

pytestmark = pytest.mark.slow
TRAIN = ("train", "--model", "toy", *TOY_LINE, "--dry-run")
GAN = ("train", "--model", "gan", "--gan.width", "8", *TOY_LINE, "--dry-run")
VAE = ("train", "--model", "vae", "--vae.width", "8", *TOY_LINE, "--dry-run")
TEXT = ("train", "--model", "text2image", "--data", "glyphs", "--num-images", "40", "--batch", "8", "--dry-run")
TEXT += ("--masked-steps", "0", "--reranker-steps", "0", "--prior.depth", "1")  # a rehearsed stage takes seconds
ADAPT = ("adapt", "--source", "{run}", "--data", "glyphs", "--num-images", "60", "--shots", "10", "--dry-run")
SAMPLE = ("sample", "--run", "{run}", "--num", "4", "--out", "{folder}/new.png")
EVALUATE = ("evaluate", "--run", "{run}", "--data", "digits", "--num", "20", "--metrics", "kd")

# The line that is refused; its advice, with the option (and value) to type in the group; "use" it or leave it "out".
ADVICE = [
    ((*TRAIN, "--data", "digitz"), r"Did you mean '(\w+)'\?", "use --data"),
    ((*TRAIN, "--model", "toi"), r"Did you mean '(\w+)'\?", "use --model"),
    ((*TRAIN, "--size", "17"), r"Use (?:--size )?(\d+)", "use --size"),
    ((*TRAIN, "--size", "4"), r"Use (?:--size )?(\d+)", "use --size"),
    ((*TRAIN, "--size", "5000"), r"Use (?:--size )?(\d+)", "use --size"),
    ((*TRAIN, "--batch", "5000"), r"Use (--batch \d+) or smaller", "use"),
    ((*TRAIN, "--batch", "0"), r"expected (\d+) or more", "use --batch"),
    ((*TRAIN, "--num-images", "100000"), r"Use (\d+) or fewer, or 0 for all", "use --num-images"),
    ((*TRAIN, "--num-images", "100000"), r"or (0) for all", "use --num-images"),
    ((*TRAIN, "--num-images", "-1"), r"expected (\d+) or more", "use --num-images"),
    ((*TRAIN, "--steps", "0"), r"expected (\d+) or more", "use --steps"),
    ((*TRAIN, "--batch", "6", "--accumulate", "4"), r"Use (--batch \d+)", "use"),
    ((*TRAIN, "--batch", "9", "--devices", "8"), r"Use (--batch \d+)", "use"),
    ((*TRAIN, "--devices", "900"), r"Use (\d+) or fewer", "use --devices"),
    ((*TRAIN, "--devices", "900"), r"or (0) for all", "use --devices"),
    ((*TRAIN, "--out", "{run}"), r"Use --resume to go on with it, (--force)", "use"),
    ((*TRAIN, "--resume", "--force", "--out", "{run}"), r"(--resume) goes on .* and --force .* Use one of them", "out"),
    ((*TRAIN, "--resume", "--force", "--out", "{run}"), r"--resume goes on .* and (--force) .* Use one of them", "out"),
    ((*TRAIN, "--preset", "digits-gam"), r"Did you mean '([\w-]+)'\?", "use --preset"),
    ((*TRAIN, "--channels", "1", "--data", "digits:captioned"), r"Use (--channels 3), or 0", "use"),
    ((*TRAIN, "--channels", "1", "--data", "glyphs:captioned"), r"Use (--channels 3), or 0", "use"),
    ((*TRAIN, "--data", "digits:captiond"), r"Use digits, or (digits:captioned)", "use --data"),
    ((*TRAIN, "--data", "npz:{folder}/unnamed.npz"), r"Name it so: images=", "npz:{folder}/named.npz --data"),
    ((*TRAIN, "--data", "folder:{folder}/nowhere"), r"Name a folder of images", "folder:{folder}/photos --data"),
    ((*TRAIN, "--class-depth", "0"), r"Use (\d+) or more", "use --class-depth"),
    ((*TRAIN, "--class-depth", "2"), r"(--class-depth) 2 is for folders .* Leave it out", "out"),
    ((*TRAIN, "--data", "folder:{folder}/deep", "--class-depth", "4"), r"Use (--class-depth 3), or", "use"),
    ((*VAE, "--captions", "drop"), r"(--captions) drop does nothing .* Leave it out", "out"),
    ((*EVALUATE, "--captions", "drop"), r"(--captions) drop does nothing .* Leave it out", "out"),
    ((*TEXT, "--data", "folder:{folder}/deep"), r"leave these images out with (--captions drop)\.", "use"),
    ((*TRAIN, "--steps", "4", "--stpes", "5"), r"Did you mean '?(--steps)'?\?", "typo --stpes"),
    ((*TRAIN, "--control.ada-target", "0.5"), r"(--control\.ada-target).* Leave it out", "out"),
    ((*TRAIN, "--control.transfer-ratio", "0.1"), r"(--control\.transfer-ratio) weighs", "out"),
    ((*TRAIN, "--toy.rate", "0"), r"--toy.rate is 0", "0.1 --toy.rate"),
    ((*GAN, "--control.kl-target", "4"), r"(--control\.kl-target).* Leave it out", "out"),
    ((*VAE, "--control.lecam-weight", "0.1"), r"(--control\.[\w-]+).* Leave it out", "out"),
    ((*TEXT, "--tokenizer.grid", "5"), r"Use (4), 8 or 16", "use --tokenizer.grid"),
    ((*TEXT, "--size", "16", "--tokenizer.grid", "16"), r"Use (\d+) or less", "use --tokenizer.grid"),
    ((*TEXT, "--prior.heads", "7"), r"Use (\d+)", "use --prior.heads"),
    ((*TEXT, "--text-size", "100"), r"(--text-size) is of byte pairs", "out"),
    ((*TEXT, "--tokenizer.dvae.kl-weight", "1"), r"(--tokenizer\.dvae\.kl-weight) does nothing .* Leave it out", "out"),
    ((*ADAPT, "--shots", "100000"), r"Use (--shots \d+) or fewer", "use"),
    ((*ADAPT, "--shots", "0"), r"Use (\d+) or more", "use --shots"),
    ((*ADAPT, "--transfer", "loar"), r"Did you mean '(\w+)'\?", "use --transfer"),
    ((*ADAPT, "--transfer", "lora", "--ewc.weight", "2"), r"(--ewc\.weight) does nothing .* Leave it out", "out"),
    ((*ADAPT, "--transfer", "freeze,freeze"), r"Name each once", "freeze --transfer"),
    ((*ADAPT, "--transfer", "lora,scale_shift"), r"Use one of them", "scale_shift --transfer"),
    ((*ADAPT, "--transfer", "cdc"), r"Use (\w+),", "use --transfer"),
    ((*ADAPT, "--out", "{run}/inside"), r"Use another --out", "{folder}/apart --out"),
    ((*ADAPT, "--source", "{folder}"), r"It holds other runs \(run\)\. Name one of them: (\S+)\.$", "use --source"),
    ((*SAMPLE, "--out", "{folder}/old.png"), r"Use (--force)", "use"),
    ((*SAMPLE, "--out", "{folder}/new.jpg"), r"Use \.(png) for a grid", "{folder}/other.png --out"),
    ((*SAMPLE, "--class", "3"), r"(--class) 3: .* Leave it out", "out"),
    ((*SAMPLE, "--text", "a"), r"(--text): .* Leave it out", "out"),
    ((*SAMPLE, "--which", "best"), r"Use (--which latest)", "use"),
    ((*EVALUATE, "--metrics", "kdd"), r"Did you mean '(\w+)'\?", "use --metrics"),
    ((*EVALUATE, "--num", "2", "--metrics", "kd,coverage"), r"or (--metrics [\w,]+)\.", "use"),
    (("report", "{run}", "--num", "1"), r"from (\d+) to", "use --num"),
    (("report", "{run}", "{run}"), r"Name each once", "{run}"),
    (("doctor", "{folder}/nowhere"), r"Name the folder of a run", "{run}"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of the toy, images, and a picture that is in the way."""
    folder = tmp_path_factory.mktemp("advice")
    with toy_entered():
        train(toy_config(folder / "run"))
    images = np.random.default_rng(0).integers(0, 256, (40, 16, 16), dtype=np.uint8)
    np.savez(folder / "unnamed.npz", first=images, second=images)
    np.savez(folder / "named.npz", images=images)
    (folder / "photos").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / "photos" / f"{number}.png")
    (folder / "deep" / "a" / "b" / "c").mkdir(parents=True)
    for path in (folder / "photos").glob("*.png"):
        shutil.copy(path, folder / "deep" / "a" / "b" / "c")
    (folder / "deep" / "a" / "b" / "c" / "7.txt").write_text("the first of all captions")
    (folder / "old.png").touch()
    return folder


@pytest.mark.parametrize(
    ("arguments", "said", "advice"), ADVICE, ids=[" ".join(map(str, row[0][-3:])) for row in ADVICE]
)
def test_what_is_advised_works(arguments, said, advice, folder, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (folder / "new.png").unlink(missing_ok=True)
    places = {"run": folder / "run", "folder": folder}
    arguments = [str(argument).format(**places) for argument in arguments]
    with toy_entered():
        assert genjax(*arguments) == 2
        refused = capsys.readouterr().err
        (line,) = [line for line in refused.splitlines() if not line.startswith("warning: ")]
        found = re.search(said, line)
        assert found, line
        code = genjax(*follow(arguments, advice.format(**places), found))
        then = capsys.readouterr().err
    if code:  # the next thing that is wrong, in a line of its own
        (other,) = [line for line in then.splitlines() if not line.startswith("warning: ")]
        assert (code, other != line) == (2, True), (line, other)


def follow(arguments, advice, found):
    """The command line with which a user does what the message says."""
    kind, _, option = advice.partition(" ")
    if kind == "out":
        return without(arguments, found[1])
    if kind == "typo":
        return without(arguments, option)
    typed = found[1] if kind == "use" else kind
    if kind == "use" and not option:
        option, _, typed = found[1].partition(" ")
    if not option:
        return [arguments[0], typed]
    return [*without(arguments, option), option, *([typed] if typed else [])]


def without(arguments, option):
    """The command line without an option and its value."""
    kept, left_out = [], False
    for argument in arguments:
        left_out = argument == option or (left_out and not argument.startswith("--"))
        if not left_out:
            kept.append(argument)
        left_out = argument == option
    return kept
