"""Hostile mail, and what must become of it."""

import pytest

pytest.register_assert_rewrite("tests.hostile.case")
