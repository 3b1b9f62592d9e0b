"""The training of the embedding that ships."""

from experiment import quick


def test_the_embedding_can_be_trained(tmp_path):
    done = quick("embedding/train_embedding", folder=tmp_path)
    assert "glyph" in done.stdout
    assert list(tmp_path.iterdir()) == []
