"""The truth campaign: a real OBS through faulted starts and stops, and three witnesses of what came of each.

``faults`` says what goes wrong, ``turn`` plays one start and stop under it on a ``stage`` (one OBS with what it streams
to), ``agent`` and ``peer`` ask, ``judge`` compares what they were told with what the RTMP server and the job table
know, ``journal`` keeps it, ``report`` shows it. Needs what the tests in a real OBS need.
"""
