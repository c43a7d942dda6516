"""What ``tools/prove.py`` runs: each part is a package of its own."""
