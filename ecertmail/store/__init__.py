"""The disk: what came in, and what was decided."""
