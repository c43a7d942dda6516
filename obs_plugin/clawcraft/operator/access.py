"""What the panel and the operator page share, for one life of the script. Any thread."""

from clawcraft.clock import Clock
from clawcraft.operator.pages import PairedPages
from clawcraft.operator.pairing import Pairing
from clawcraft.secrets import SecretStore


class PageAccess:
    """The way in, and how a pause is meant: ``keep_paused`` is the panel's switch "A pause outlasts a restart"."""

    def __init__(self, store: SecretStore, clock: Clock) -> None:
        self.pages = PairedPages(store, clock)
        self.pairing = Pairing(clock)
        self.keep_paused = False
