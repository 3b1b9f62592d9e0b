"""Byte pairs in processes of their own."""

import subprocess
import sys

from genjax.data import load
from genjax.families.text import byte_pair_vocabulary


def test_other_processes_merge_the_same():
    captions = load("emoji", size=8).captions
    code = """
import sys
from genjax.families.text import byte_pair_vocabulary
sys.stdout.write(byte_pair_vocabulary(sys.stdin.read().split("\\n"), size=400, length=256).contents["tokenizer"])
"""
    given = "\n".join(captions)
    found = [
        subprocess.run([sys.executable, "-c", code], input=given, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    expected = byte_pair_vocabulary(captions, size=400, length=256).contents["tokenizer"]
    assert found[0].stdout == found[1].stdout == expected
