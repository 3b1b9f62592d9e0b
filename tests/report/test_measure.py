"""The evaluation in a report."""

import numpy as np

from genjax.data import Dataset
from genjax.evaluate import load_extractor
from genjax.evaluate.run_data import Real
from genjax.report.measure import measure


def test_held_out_images_that_are_all_alike_leave_a_page_without_numbers():
    held_out = Dataset("folder:same", "test", np.full((4, 16, 16, 1), 7, np.uint8))
    samples = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1), dtype=np.uint8)
    records, said = measure(samples, Real(None, held_out, ()), None, load_extractor("embedded-v1"), 4)
    assert records == []
    (line,) = said
    assert line.startswith("Nothing was measured: all 4 real images have the same features")
