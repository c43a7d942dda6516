// The pre-show check: the service's own checks (GET /status?check=1) and what this agent may do, judged for a producer.
// Pure functions.

import { brief } from "./results.js";

// What it says of an action is for all agents; GET /tools is for this one. The stream's state is told here.
const SAID_HERE = new Set(["actions", "stream"]);
const STREAM = {
  offline: "offline",
  live: "on air already",
  reconnecting: "on air, but OBS lost the connection and is reconnecting: a start changes nothing",
  starting: "a start is under way: do not start another",
  stopping: "it is just ending: wait until it is offline",
  unknown: "its state is not known: ask the user to look at OBS",
};
// OBS would start no stream now.
const NOT_NOW = new Set(["starting", "stopping", "unknown"]);

/**
 * @param status  body of GET /status?check=1
 * @param tools   `tools` of GET /tools, those that a show may need
 * @param {{obs_scene?: string}} params
 * @returns {{ready: boolean, live: boolean, summary: string, problems?: string[], warnings?: string[], stream?: object,
 *   current_scene: string | null, scenes: string[], channel: string | null}}
 *   a problem keeps a start from happening, a warning does not; ready: a start would go on air, or is there already
 */
export function judge(status, tools, { obs_scene: wanted }) {
  const { stream = {}, scenes = [], current_scene: scene = null } = status.obs ?? {};
  const state = stream.state ?? "unknown";
  const said = (status.checks ?? []).filter(({ name }) => !SAID_HERE.has(name) && !(name === "scene" && wanted !== undefined));
  // OBS streams with its own key, so nothing of Twitch's API keeps a show from starting.
  const keepsFrom = ({ name, outcome }) => outcome === "failed" && !name.startsWith("twitch");
  const problems = said.filter(keepsFrom).map(sentence);
  const warnings = said.filter((check) => check.outcome !== "ok" && !keepsFrom(check)).map(sentence);
  if (wanted !== undefined && !scenes.includes(wanted)) {
    problems.push(`There is no scene "${wanted}"; scenes: ${scenes.join(", ") || "unknown"}.`);
  }
  const off = tools.filter((tool) => tool.enabled === false).map((tool) => tool.name);
  if (off.length > 0) {
    (off.includes("twitch.start_stream") ? problems : warnings).push(`Switched off by the streamer: ${off.join(", ")}.`);
  }
  const asked = tools.filter((tool) => tool.policy === "ask").map((tool) => tool.name);
  if (asked.length > 0) {
    warnings.push(`The streamer is asked in OBS before: ${asked.join(", ")}.`);
  }
  const ready = problems.length === 0 && !NOT_NOW.has(state);
  const start = { offline: ready ? " Ready." : " Not ready." }[state] ?? (problems.length > 0 ? " Not ready." : "");
  return {
    ready,
    live: stream.live === true,
    summary: `Stream: ${STREAM[state] ?? state}.${start}`,
    ...(problems.length > 0 ? { problems } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(["live", "reconnecting"].includes(state) ? { stream: brief(stream) } : {}),
    current_scene: scene,
    scenes,
    channel: status.twitch?.identity?.login ?? null,
  };
}

const sentence = ({ message, fix }) => [message, fix].filter(Boolean).map((part) => part.replace(/\.?$/, ".")).join(" ");
