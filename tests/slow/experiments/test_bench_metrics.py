"""What the metrics cost."""

import json

from experiment import quick


def test_the_bench_of_the_metrics_prints_its_tables(tmp_path):
    done = quick("bench/metrics", "--out", "bench.json", folder=tmp_path)
    assert done.stdout.splitlines()[0].startswith("FD from statistics")
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert figures["frechet"][0]["difference"] < 1e-9
    assert {"features", "all", "all, without intervals"} <= set(figures["core"])
