"""The parts of ``tools/prove.py``."""
