"""The streamer's own page, ``/operator``: its door, its routes, and what they show. ``static/`` is served as it is."""
