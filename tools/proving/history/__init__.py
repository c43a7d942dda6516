"""The history check: agents that ask at the same time, a service that is killed at a write, and what each request_id
was told, against what may be told of one request. No OBS: the fake one, and the local Twitch.

``service`` is the process that dies, ``agents`` ask, ``model`` judges, ``run`` drives.
"""
