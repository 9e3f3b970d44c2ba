"""The order of steps, through ports only."""
