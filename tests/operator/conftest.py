"""A streamer in front of the fake OBS, and the operator page, with and without a browser."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect

from tests.panel.conftest import Streamer, streamer
from tests.support.chromium import chromium
from tests.support.operator_page import PageClient, shown_code
from tests.support.tool_client import ToolClient
from tests.support.waiting import HANG_S, wait_until

__all__ = ["streamer"]

DOCK = ViewportSize(width=300, height=800)


def code(streamer: Streamer) -> str:
    """Press the panel's button, and read."""
    streamer.obs.click("operator_open")
    return shown_code(streamer.text("operator_code"))


@pytest.fixture
def stranger(streamer: Streamer) -> Iterator[PageClient]:
    """Not paired."""
    client = PageClient(streamer.port)
    yield client
    client.close()


@pytest.fixture
def page(streamer: Streamer) -> Iterator[PageClient]:
    """Paired; OBS runs."""
    streamer.start()
    client = PageClient(streamer.port)
    client.pair(code(streamer))
    yield client
    client.close()


AWAY = re.compile(r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE)|503 \(Service Unavailable\)")
"""What Chromium itself says of a server that is away; a page cannot keep it from that."""

expect.set_options(timeout=HANG_S * 1000)


@dataclass
class Tab:
    """One tab in a profile of its own, and what it complained of."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not AWAY.search(message.text):
            self.complaints.append(message.text)

    def opened(self, streamer: Streamer) -> "Tab":
        self.page.goto(f"http://127.0.0.1:{streamer.port}/operator")
        expect(self.page.locator("#pairing")).to_be_visible()
        return self

    def paired(self, streamer: Streamer) -> "Tab":
        self.opened(streamer)
        self.page.fill("#code", code(streamer))
        self.page.keyboard.press("Enter")
        # The first state: what is drawn with it moves the rest, also under a pointer that is pressing.
        expect(self.page.locator("#version")).not_to_be_empty()
        return self

    def policy(self, action: str, policy: str) -> None:
        if self.page.locator("#policy").get_attribute("open") is None:
            self.page.press("#policy summary", "Enter")
        self.page.select_option(f"[id='policy-{action}']", policy)

    def says(self, selector: str, text: str) -> None:
        expect(self.page.locator(selector)).to_contain_text(text)

    def violations(self) -> list[str]:
        """What axe-core finds, of every rule."""
        found = Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {[node['html'] for node in each['nodes']]}" for each in found]

    def asks(self, streamer: Streamer, *actions: str) -> ToolClient:
        """An agent, once the streamer is asked about these actions of it."""
        agent = streamer.agent()
        for action in actions:
            self.policy(action, "ask")
            self.counts(agent, action, "ask")
        return agent

    def counts(self, agent: ToolClient, action: str, policy: str) -> None:
        """Wait until the service tells an agent so, and the page that it was done."""

        def told() -> str:
            tools = agent.get("/tools").json()["tools"]
            return str(next(tool["policy"] for tool in tools if tool["name"] == action))

        wait_until(lambda: told() == policy, f"{policy} counts for {action}")
        done = self.page.locator(".row").filter(has_text=f"{action} {policy}")
        expect(done.first).to_be_visible()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    """As OBS docks it."""
    with closing(browser.new_context(viewport=DOCK)) as context:
        context.set_default_timeout(HANG_S * 1000)
        tab = Tab(context.new_page())
        tab.listen()
        yield tab
        assert tab.complaints == []
