// The queue and the health: short lists, drawn anew when they change.

import { $, capital, h, say } from "./dom.js";

const MARKS = { ok: "✓", warning: "!", failed: "✕" };
const NAMES = { obs: "OBS", stream: "Stream", scene: "Scene", pause: "Pause", actions: "Actions", storage: "Disk",
  guard_rails: "Guard rails", twitch: "Twitch", twitch_token: "Token", twitch_scopes: "Permissions",
  twitch_channel: "Channel", twitch_bot: "Chat bot", events: "Hearing" };
let queueDrawn = "", healthDrawn = "";

export function showQueue(queue) {
  const text = JSON.stringify(queue);
  if (text === queueDrawn) return;
  queueDrawn = text;
  $("queue").hidden = !queue.length;
  $("queue-list").replaceChildren(...queue.map((job) => h("li", {},
    h("span", {}, h("b", {}, capital(job.label)), ` · ${job.agent_id}`),
    h("span", { class: "dim" }, job.status === "running" ? `${job.percent} % · ${job.message}` : job.message))));
}

/** Without the pause, which has its place at the top. */
export function showHealth(every) {
  const checks = every.filter((check) => check.name !== "pause");
  const text = JSON.stringify(checks);
  if (text === healthDrawn) return;
  healthDrawn = text;
  const rank = { failed: 0, warning: 1, ok: 2 };
  const sorted = [...checks].sort((one, other) => rank[one.outcome] - rank[other.outcome]);
  const count = (outcome) => checks.filter((check) => check.outcome === outcome).length;
  const [failed, warnings] = [count("failed"), count("warning")];
  const summary = $("health-summary");
  summary.className = failed ? "bad" : warnings ? "warn" : "dim";
  const names = sorted.filter((check) => check.outcome !== "ok").map((check) => NAMES[check.name] ?? check.name);
  say(summary, names.length ? `look at: ${[...new Set(names)].join(", ")}` : "all well");
  $("health-list").replaceChildren(...sorted.map((check) => h("li", { class: check.outcome },
    h("span", { class: "mark", role: "img", "aria-label": check.outcome }, MARKS[check.outcome]),
    h("span", {}, h("b", {}, NAMES[check.name] ?? check.name), ` ${check.message}`),
    check.fix ? h("span", { class: "fix" }, check.fix) : null)));
}
