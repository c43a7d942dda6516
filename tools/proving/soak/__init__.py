"""``tools/prove.py soak``: one OBS process under steady load, and whether anything in it grows."""
