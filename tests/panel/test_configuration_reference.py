"""The reference says what the settings say."""

import configuration


def test_the_reference_is_what_the_settings_say() -> None:
    written = configuration.REFERENCE.read_text("utf-8")
    assert written == configuration.reference(), "run tools/configuration.py"
