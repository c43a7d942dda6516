"""The parts of tools/prove.py, a folder each."""
