"""Attacks on the service: random requests by the thousand, and every attack that a test knows."""
