"""The parts of ``tools/doctor.py``: what the files say, and what the running service answers."""
