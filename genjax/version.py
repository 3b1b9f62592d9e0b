"""The version of genjax."""

__version__ = "0.1.0"
