"""Government authorities exchange signed electronic export certificates by e-mail."""

__version__ = "0.1.0"
