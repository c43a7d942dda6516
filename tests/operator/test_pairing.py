"""The code and the pages that it paired, on a clock of the test's own."""

from pathlib import Path

import pytest

from clawcraft.errors import Unauthorized
from clawcraft.operator.pages import KEPT_S, MAX_PAGES, STORED_AS, PairedPages
from clawcraft.operator.pairing import TRIES, VALID_S, Pairing
from clawcraft.secrets import Secret, SecretStore
from tests.support.clock import ManualClock


def other_than(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_a_code_pairs_once(clock: ManualClock) -> None:
    pairing = Pairing(clock)
    with pytest.raises(Unauthorized):
        pairing.claim("")
    pairing.open()
    code, left_s = pairing.shown()
    assert (len(code), code.isdecimal(), left_s) == (6, True, VALID_S)
    pairing.claim(code)
    assert pairing.shown()[0] == ""
    with pytest.raises(Unauthorized):
        pairing.claim(code)


def test_a_code_is_over_after_two_minutes(clock: ManualClock) -> None:
    pairing = Pairing(clock)
    pairing.open()
    code, _ = pairing.shown()
    clock.advance(VALID_S)
    assert pairing.shown()[0] == ""
    with pytest.raises(Unauthorized):
        pairing.claim(code)


def test_five_wrong_tries_end_the_code_and_the_next_code_has_five_again(clock: ManualClock) -> None:
    pairing = Pairing(clock)
    pairing.open()
    code, _ = pairing.shown()
    for left in reversed(range(TRIES)):
        with pytest.raises(Unauthorized) as refused:
            pairing.claim(other_than(code))
        assert refused.value.details["tries_left"] == left
    with pytest.raises(Unauthorized):
        pairing.claim(code)
    pairing.open()
    with pytest.raises(Unauthorized):
        pairing.claim("not a code")
    pairing.claim(pairing.shown()[0])


def test_what_is_stored_of_a_page_is_a_hash_and_lives_on_in_the_next_life(clock: ManualClock, tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    token = PairedPages(store, clock).add("Chrome on Linux").reveal()
    assert token not in store.path.read_text()
    later = PairedPages(store, clock)
    assert later.of_token(token.encode()) is None
    later.load()
    page = later.of_token(token.encode())
    assert page is not None
    assert later.last_seen == {page.id: clock.time()}
    assert later.of_token(token.encode() + b"x") is None
    later.revoke(page.id)
    assert later.of_token(token.encode()) is None
    assert store.get(STORED_AS) is None


def test_a_page_is_over_after_half_a_year(clock: ManualClock, tmp_path: Path) -> None:
    pages = PairedPages(SecretStore(tmp_path), clock)
    token = pages.add("Chrome").reveal().encode()
    clock.advance(KEPT_S - 1)
    assert pages.of_token(token) is not None
    clock.advance(1)
    assert pages.of_token(token) is None
    assert pages.all() == ()


def test_the_first_paired_makes_room_for_one_more_than_may_be(clock: ManualClock, tmp_path: Path) -> None:
    pages = PairedPages(SecretStore(tmp_path), clock)
    tokens = [pages.add(str(number)).reveal().encode() for number in range(MAX_PAGES + 1)]
    assert pages.of_token(tokens[0]) is None
    assert all(map(pages.of_token, tokens[1:]))


def test_pages_that_cannot_be_read_open_nothing(clock: ManualClock, tmp_path: Path) -> None:
    store = SecretStore(tmp_path)
    store.update({STORED_AS: Secret('[{"id": "page_1"}]')})
    pages = PairedPages(store, clock)
    pages.load()
    assert pages.all() == ()
    assert pages.of_token(pages.add("Chrome").reveal().encode()) is not None
