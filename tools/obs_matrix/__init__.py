"""OBS of other systems than this one, for the tests: Debian's releases in folders, which ``tools/test.py --obs-matrix``
makes, keeps and enters. Linux and root only; the tests themselves stay outside and drive it."""
