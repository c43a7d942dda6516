"""Where things are in the repository."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OBS_PLUGIN = ROOT / "obs_plugin"
SCRIPT = OBS_PLUGIN / "twitch_clawcraft.py"
SCHEMAS = ROOT / "schemas"
TOOLS = ROOT / "tools"


def data_folder(obs_config: Path) -> Path:
    """Where the service keeps its files, below OBS's configuration folder."""
    return obs_config / "plugin_config" / "twitch-clawcraft"
