"""The evaluation in a report."""

import numpy as np

from genjax.data import Dataset
from genjax.evaluate import load_extractor
from genjax.evaluate.run_data import Real
from genjax.report.measure import measure, other_classes


def test_held_out_images_that_are_all_alike_leave_a_page_without_numbers():
    held_out = Dataset("folder:same", "test", np.full((4, 16, 16, 1), 7, np.uint8))
    samples = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1), dtype=np.uint8)
    records, said = measure(samples, Real(None, held_out, ()), None, load_extractor("embedded-v1"), 4)
    assert records == []
    (line,) = said
    assert line.startswith("Nothing was measured: all 4 real images have the same features")


def test_held_out_images_of_other_classes_than_the_shots_say_nothing_of_membership():
    """Of a font whose shots were named: their characters are not among those held out."""
    rng = np.random.default_rng(0)

    def letters(labels, names=("a", "b", "c")):
        images = rng.integers(0, 256, (len(labels), 16, 16, 1), dtype=np.uint8)
        return Dataset("letters", "test", images, labels=np.asarray(labels), class_names=names)

    apart, alike, renamed = letters([0, 0, 0, 1]), letters([0, 2, 1, 1]), letters([0, 0, 1, 1], ("c", "b"))
    shots = letters([2, 2])
    assert other_classes(shots, apart)
    assert not other_classes(shots, alike)
    assert not other_classes(shots, renamed)
    assert not other_classes(shots, Dataset("none", "test", apart.images))
    samples = rng.integers(0, 256, (4, 16, 16, 1), dtype=np.uint8)
    for held_out, known in ((apart, False), (alike, True)):
        records, _ = measure(samples, Real(shots, held_out, ()), None, load_extractor("embedded-v1"), 4)
        assert any(record.name.startswith("membership[") for record in records) == known
