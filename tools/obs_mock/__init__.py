"""A fake OBS that runs a script without OBS, and fails loudly where the real one would freeze, crash, leak or open a
window over the streamer's screen.

``MockObs`` (host.py) loads a script as OBS does and ends with a report; ``scenarios.py`` says how streaming goes.
"""

from obs_mock.host import MockObs, Report
from obs_mock.scenarios import SCENARIOS, Scenario, Timings
from obs_mock.violations import Violation

__all__ = ["SCENARIOS", "MockObs", "Report", "Scenario", "Timings", "Violation"]
