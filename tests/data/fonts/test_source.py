"""The sources fonts and font: families are held out, one face is the data, captions say what is drawn."""

import numpy as np
import pytest

from genjax.data import load
from genjax.data.fonts import drawn
from genjax.data.fonts.drawing import CHARACTERS
from genjax.data.fonts.faces import Face, face_named
from genjax.data.fonts.source import caption
from genjax.errors import InputError


def families(spec, split):
    return set(load(spec, size=16, split=split).factors["family"])


def test_whole_families_are_held_out():
    assert families("fonts", "train") == {"roboto", "great-vibes"}
    assert families("fonts", "test") == {"caveat", "press-start-2p"}
    assert families("fonts:validation", "test") == {"bitter"}
    assert families("fonts", "all") == {"roboto", "great-vibes", "bitter", "caveat", "press-start-2p"}
    with pytest.raises(InputError, match="fonts:validation has no image in its split 'train'"):
        load("fonts:validation", size=16)


def test_characters_are_classes_and_faces_are_factors():
    fonts = load("fonts", size=16)
    assert len(fonts) == 62 * 9
    assert fonts.class_names == tuple(CHARACTERS)
    assert set(np.bincount(np.asarray(fonts.labels))) == {9}
    first = [fonts.factors[name][0] for name in ("face", "family", "weight", "italic", "category")]
    assert first == ["roboto:200", "roboto", 200, 0, "sans serif"]
    assert fonts.captions[0] == "a thin sans serif capital a"


def test_captions_say_weight_slant_kind_and_character():
    bold = Face("lora", 700, True, "serif", face_named("lora").path, True)
    assert [caption(bold, char) for char in "Qq7"] == [
        "a bold italic serif capital q",
        "a bold italic serif small q",
        "a bold italic serif seven",
    ]


def test_one_face_holds_out_a_fifth_of_its_characters():
    train, test = (load("fonts:caveat", size=16, split=split) for split in ("train", "test"))
    assert (len(train), len(test)) == (50, 12)
    assert not set(np.asarray(train.labels)) & set(np.asarray(test.labels))


def test_a_font_of_the_user_is_drawn_as_the_same_face():
    path = face_named("lobster").path
    own, known = load(f"font:{path}", size=16, split="all"), load("fonts:lobster", size=16, split="all")
    np.testing.assert_array_equal(own.images, known.images)
    assert own.class_names == known.class_names


def test_colour_is_the_same_three_times():
    grey, colour = (load("fonts:caveat", size=16, channels=channels) for channels in (1, 3))
    np.testing.assert_array_equal(colour.images, np.repeat(grey.images[:], 3, axis=-1))


def test_they_are_drawn_once(monkeypatch):
    first = load("fonts", size=8).content_hash()
    monkeypatch.setattr(drawn, "draw_face", None)  # so that drawing again would fail
    assert load("fonts", size=8).content_hash() == first


def test_a_spoiled_entry_of_the_cache_is_drawn_again():
    faces = [face_named("lobster")]
    images = drawn.draw_faces(faces, 8)
    path = drawn.cache.drawn_path(drawn._what(faces, 8))
    assert path is not None
    content = bytearray(path.read_bytes())
    content[100] ^= 255
    path.write_bytes(bytes(content))
    np.testing.assert_array_equal(drawn.draw_faces(faces, 8), images)


def test_a_font_without_a_path_is_refused():
    with pytest.raises(InputError, match=r"font needs a file. Use font:PATH\.ttf\."):
        load("font:", size=16)
