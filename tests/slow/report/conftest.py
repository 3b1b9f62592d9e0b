"""Fixtures: reports with hostile names."""

from hostile_reports import bare, three, whole

__all__ = ["bare", "three", "whole"]
