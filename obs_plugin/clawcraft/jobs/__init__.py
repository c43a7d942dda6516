"""Asynchronous work: states, the SQLite table, and the one worker that runs stream jobs."""
