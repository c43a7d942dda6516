"""The tool service that runs inside OBS. Imports without OBS and, at this level, without any dependency."""

VERSION = "0.2.0"
