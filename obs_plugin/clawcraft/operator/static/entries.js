// What an entry of the audit trail says, as words; and how a later row changes it. No page needed.

const GOOD = new Set(["done", "started", "stopped", "updated", "sent", "created", "switched", "taken", "already_running",
  "already_stopped", "already_shown", "paused", "resumed"]);
const QUOTATION_MARKS = /["\u201c-\u201f\u2033\u2036\u301d-\u301f\uff02]/g;
const KINDS = { operator: "You", service: "Service", counted: "Refused" };

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
const words = (text) => text.replaceAll("_", " ");

/** An argument beside words of ours: no quotation mark in it ends the quotation. */
function short(value) {
  if (Array.isArray(value)) return value.map(short).join(", ");
  return typeof value === "string" ? `“${value.replace(QUOTATION_MARKS, "'")}”` : JSON.stringify(value);
}

/** What it was, how it was decided where that took more than a rule, who and with which words, and what it came to. */
export function summary(entry) {
  if (entry.kind === "asked") {
    const how = entry.decision === "allowed" ? "" : entry.decision;
    const said = [entry.agent_id, ...Object.values(entry.args ?? {}).map(short)].join(" · ");
    return [capital(entry.label ?? entry.action), how, said, words(entry.outcome || "not ended")];
  }
  const { kind, time, ref, seq, label, outcome, action, agent_id: agent, ...rest } = entry;
  const told = Object.entries(rest).map(([name, value]) => `${name} ${typeof value === "string" ? value : JSON.stringify(value)}`);
  if (kind === "counted") {
    const what = outcome === "replayed" ? "Repeated" : "Refused";
    return [label ? `${what}: ${label}` : what, "", [agent, ...told].filter(Boolean).join(" · "), words(outcome)];
  }
  return [`${KINDS[kind] ?? kind}: ${words(outcome)}`, "", told.join(" · "), ""];
}

export function outcomeClass(entry) {
  if (entry.kind !== "asked" || !entry.outcome) return "";
  return GOOD.has(entry.outcome) || entry.result !== undefined ? "good" : "bad";
}

/** A row that came later: one more decision, or the end. */
export function merge(entry, later) {
  const { ref, decision, ...end } = later;
  if (decision) entry.decision = [entry.decision, decision].filter(Boolean).join(", ");
  Object.assign(entry, end);
}

/** Where a key leads from a place; null for one that leads nowhere. */
export function follow(key, page, place, count) {
  const steps = { ArrowDown: place + 1, ArrowUp: place - 1, PageDown: place + page, PageUp: place - page, Home: 0,
    End: count - 1 };
  return key in steps && count ? Math.min(count - 1, Math.max(0, steps[key])) : null;
}
