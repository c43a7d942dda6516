"""The README's table of settings is the settings' own."""

from typing import Any

from clawcraft.settings import SETTINGS, Setting
from tests.tools.conftest import ROOT

BEGIN = "test_readme.py -->\n"
END = "<!-- end of settings -->"


def test_the_table_of_settings_is_the_one_of_the_code() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    table = readme.partition(BEGIN)[2].partition(END)[0]

    assert table == "".join(expected_lines()), "put this into README.md:\n" + "".join(expected_lines())


def expected_lines() -> list[str]:
    lines = ["| setting | default | what it does |\n", "| --- | --- | --- |\n"]
    return lines + [f"| `{row.name}` | {shown_default(row)} | {row.help} |\n" for row in SETTINGS]


def shown_default(row: Setting) -> str:
    value: Any = row.default
    if row.name == "TOOL_SERVICE_ALLOWED_CLIENTS":
        return "`loopback`"
    if value in (None, "", (), {}):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
