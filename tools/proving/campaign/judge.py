"""Compares what the witnesses say of one case: what the agent was told, what the RTMP server saw, what the job table
has. Pure: evidence in (``Turn.evidence``), disagreements out.

What may be said, and is no disagreement: a start that failed may have been live for a moment, if it is taken down by
itself; OBS connects again by itself after a cut; what the streamer clicks explains one beginning or one end.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Class = Literal["false success", "false failure", "double effect", "nobody asked", "table differs", "no answer"]
CLASSES: Final[tuple[Class, ...]] = (
    "false success",
    "false failure",
    "double effect",
    "nobody asked",
    "table differs",
    "no answer",
)
CLOCKS_S: Final = 0.05
"""Between two programs' looks at one clock, and a line's way into a log."""
FLASH_S: Final = 5.0
"""A start that failed and connects later is taken down by then; how soon it was is reported (``flashes``). OBS takes
0.6 s for it, and over 2 s where four of them and more share two cores."""
NOTICED_S: Final = 1.0
"""OBS learns of a lost connection as it sends; until then neither it nor anybody who asks it can know."""
MEDIA_BYTES: Final = 10_000
"""What OBS sends until it may send pictures is a third of that; a second of pictures is many times as much."""
Span = list[float | None]


@dataclass(frozen=True)
class Disagreement:
    kind: Class
    why: str

    def to_json(self) -> dict[str, str]:
        return {"kind": self.kind, "why": self.why}


def judge(evidence: Mapping[str, Any]) -> list[Disagreement]:
    """All that does not fit, without the job table."""
    found: list[Disagreement] = []
    asked, publishes = evidence["asked"], evidence["publishes"]
    starts = [each for each in asked if each["what"] == "start"]
    stops = [each for each in asked if each["what"] == "stop"]
    for each in asked:
        if each["told"] is None:
            found.append(Disagreement("no answer", f"{each['request_id']} was never answered"))
        if each["told"] == "vanished":
            found.append(Disagreement("false success", f"{each['request_id']} was acknowledged and is not known"))
        if "other_job" in each:
            found.append(Disagreement("double effect", f"{each['request_id']} became two jobs"))
    for again in evidence["again"]:
        first = next(each for each in asked if each["request_id"] == again["request_id"])
        if first["told"] != again["told"] or first["code"] != again["code"] or first["job_id"] != again["job_id"]:
            found.append(Disagreement("double effect", f"{again['request_id']} was told otherwise the second time"))
    for start in starts:
        if start["told"] == "done" and not _was_up(start, publishes, evidence["cuts"]):
            found.append(Disagreement("false success", f"{start['request_id']}: the server saw no publish"))
        if start["told"] in ("failed", "refused") and (span := _stays(start, evidence, starts)):
            found.append(
                Disagreement("false failure", f"{start['request_id']} ({start['code']}): live since {span[0]}")
            )
    for stop in stops:
        later = [each for each in starts if each["told_s"] is None or each["told_s"] > stop["asked_s"]]
        clicked = any(at > stop["asked_s"] - 1 for at in evidence["clicks"])
        if stop["told"] == "done" and not later and not clicked and (span := _goes_on(stop, publishes)):
            found.append(Disagreement("false success", f"{stop['request_id']}: the server still sees {span[0]}"))
    found += _unexplained(evidence, starts, stops)
    return found


def judged_anew(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A journal's entry by the present rules; the job table's part as it was found, since the table is gone."""
    table = [each for each in entry["found"] if each["kind"] == "table differs"]
    return {**entry, "found": [each.to_json() for each in judge(entry["evidence"])] + table}


def _was_up(start: Mapping[str, Any], publishes: list[Span], cuts: Sequence[float]) -> bool:
    """Whether the server saw a publish at some moment between the asking and the telling; one that was cut counts
    for a start that joined it, while OBS does not know of it or is reconnecting and says so."""
    if "reconnecting" in start["warnings"]:
        return bool(publishes)
    told_s = start["told_s"] + CLOCKS_S
    from_s = start["asked_s"] - CLOCKS_S
    if start["status"] == "already_running":
        from_s = min([from_s, *(cut - CLOCKS_S for cut in cuts if 0 <= start["asked_s"] - cut < NOTICED_S)])
    return any(since <= told_s and (to is None or to >= from_s) for since, to in publishes)


def _stays(start: Mapping[str, Any], evidence: Mapping[str, Any], starts: list[Any]) -> Span | None:
    """A publish of this failed start that goes on at the end, with nothing else to explain it. One that never had a
    picture shows nobody anything: the server took it, its answer did not get through, and OBS waits for it in vain."""
    if evidence.get("sent_bytes", MEDIA_BYTES) < MEDIA_BYTES:
        return None
    others = [each for each in starts if each is not start and each["told"] == "done"]
    if evidence["clicks"] or others:
        return None
    for span in evidence["publishes"]:
        if span[0] >= start["asked_s"] and _lasts(span, evidence["until_s"]):
            return list(span)
    return None


def flashes(evidence: Mapping[str, Any]) -> list[float]:
    """How long each start that was told as failed was live all the same, in seconds."""
    failed = [each for each in evidence["asked"] if each["what"] == "start" and each["told"] == "failed"]
    if len(failed) != len([each for each in evidence["asked"] if each["what"] == "start"]) or evidence["clicks"]:
        return []
    return [to - since for since, to in evidence["publishes"] if to is not None]


def _lasts(span: Span, until_s: float) -> bool:
    since, to = span
    assert since is not None
    return (until_s if to is None else to) - since > FLASH_S


def _goes_on(stop: Mapping[str, Any], publishes: list[Span]) -> Span | None:
    return next((span for span in publishes if span[1] is None and (span[0] or 0) <= stop["told_s"]), None)


def _unexplained(evidence: Mapping[str, Any], starts: list[Any], stops: list[Any]) -> list[Disagreement]:
    """Publishes beyond one for each request and click, and one more for each connection that was cut."""
    found = []
    publishes = [(span[0] or 0.0, span[1]) for span in evidence["publishes"]]
    for (since, to), (after, _) in itertools.pairwise(publishes):
        if to is None or to > after + CLOCKS_S:
            found.append(Disagreement("double effect", f"two publishes at once, {since} and {after}"))
    for since, _ in publishes:
        asked = [each["asked_s"] for each in starts if each["asked_s"] <= since + CLOCKS_S]
        clicks = [at for at in evidence["clicks"] if at <= since + CLOCKS_S]
        if not asked and not clicks:
            found.append(Disagreement("nobody asked", f"live at {since}, before anybody asked"))
    cuts = evidence["cuts"]
    if len(publishes) > len(starts) + len(evidence["clicks"]) + len(cuts):
        found.append(Disagreement("double effect", f"{len(publishes)} publishes of {len(starts)} starts"))
    for stop in stops:
        if stop["told"] != "done":
            continue
        open_starts = [each for each in starts if each["told_s"] is None or each["told_s"] > stop["told_s"]]
        for since, _ in publishes:
            explained = open_starts or any(at > stop["asked_s"] - 1 for at in evidence["clicks"])
            explained = explained or any(start["asked_s"] > stop["asked_s"] for start in starts)
            if since > stop["told_s"] + CLOCKS_S and not explained:
                found.append(Disagreement("nobody asked", f"live at {since}, after {stop['request_id']} was done"))
    for killed in evidence["kills"]:
        # What was accepted before must not go live after it; what was never accepted may be asked anew.
        old = [each for each in starts if each["accepted_s"] is not None and each["accepted_s"] < killed]
        for since, _ in publishes:
            if since > killed + CLOCKS_S and len(old) == len(starts):
                found.append(Disagreement("nobody asked", f"live at {since}, after OBS was killed"))
    return found


def judge_table(evidence: Mapping[str, Any], table: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Disagreement]:
    """What the agent was told, against the rows that SQLite has."""
    found = []
    for each in evidence["asked"]:
        rows = table.get(each["request_id"], [])
        if each["told"] in ("done", "failed"):
            said = {name: each[name] for name in ("job_id", "told", "code", "status")}
            kept = [{name: row[name] for name in said} for row in rows]
            if kept != [said]:
                found.append(Disagreement("table differs", f"{each['request_id']}: told {said}, kept {kept}"))
        elif each["told"] == "refused" and rows:
            found.append(Disagreement("table differs", f"{each['request_id']} was refused, and is kept: {rows}"))
    return found
