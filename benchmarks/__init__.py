"""Ratios against named floors, measured in the same run; not tests."""
