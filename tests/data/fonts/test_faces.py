"""Faces: the weights that a family has, how one is named, and what is said of one that is not there."""

import pytest

from genjax.data.fonts.faces import face_named, faces_of, weights_of
from genjax.errors import InputError


def test_a_variable_family_has_four_weights_spread_over_its_axis():
    assert weights_of("roboto") == [200, 300, 400, 500, 600, 700, 800, 900]
    faces = faces_of("roboto")
    assert [(face.weight, face.italic) for face in faces] == [
        (weight, italic) for italic in (False, True) for weight in (200, 400, 700, 900)
    ]
    assert all(face.axes == {"wght": face.weight} for face in faces)


def test_a_family_of_one_file_has_one_face():
    (face,) = faces_of("lobster")
    assert (face.name, face.weight, face.italic, face.category, face.axes) == ("lobster:400", 400, False, "display", {})


def test_a_face_is_named_as_people_write_it():
    assert face_named("Press Start 2P").family == "press-start-2p"
    assert face_named("lora").weight == 400
    assert face_named("Lora:700italic").name == "lora:700italic"
    assert face_named("lora:italic").name == "lora:400italic"


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("cavaet", "unknown family of fonts 'cavaet'. Did you mean 'caveat'?"),
        ("caveat:900", "caveat has no face '900'. It has the weights 400, 500, 600, 700, upright: fonts:caveat:700."),
        ("lora:bold", "lora has no face 'bold'. It has the weights 400, 500, 600, 700, upright and italic:"),
        (
            "viga",
            'the font viga needs the package fontpkg-viga. Install all fonts: pip install "genjax-images[fonts]".',
        ),
    ],
)
def test_what_is_not_there_is_refused(spec, line, monkeypatch):
    import fontpkg

    installed = {name: family for name, family in fontpkg.families().items() if name != "viga"}
    monkeypatch.setattr(fontpkg, "families", lambda: installed)
    with pytest.raises(InputError) as error:
        face_named(spec)
    assert str(error.value).startswith(line)
