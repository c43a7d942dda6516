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


def service_log(data: Path) -> str:
    """All that its log holds by now: it is written behind, and made with its first line."""
    path = data / "service.log"
    return path.read_text("utf-8") if path.exists() else ""
