// The pre-show check: what the service says of itself, judged for a producer. Pure functions.

const SOON_S = 3600;

/**
 * @param status  body of GET /status
 * @param tools   `tools` of GET /tools
 * @param {{obs_scene?: string}} params
 * @returns {{ready: boolean, live: boolean, summary: string, checks: Array<{name, level, message}>, stream: object,
 *   current_scene: string | null, scenes: string[], channel: string | null}}
 *   level: ok, warning (the show can go on) or problem (it cannot start)
 */
export function judge(status, tools, params, nowMs) {
  const stream = status.obs?.stream ?? {};
  const checks = [
    access(status),
    actions(tools),
    obs(status.obs),
    scene(status.obs ?? {}, params.obs_scene),
    twitch(status.twitch ?? {}),
    scopes(status.twitch ?? {}),
    expiry(status.twitch ?? {}, nowMs),
    queue(status),
  ].filter(Boolean);
  const problems = checks.filter((one) => one.level === "problem");
  const warnings = checks.filter((one) => one.level === "warning");
  const ready = problems.length === 0;
  const state = stream.state ?? "unknown";
  const found = [...problems, ...warnings].map((one) => one.message).join(" ");
  return {
    ready,
    live: stream.live === true,
    summary: `Stream: ${state}. ${ready ? "Ready." : "Not ready."}${found ? ` ${found}` : ""}`,
    checks,
    stream,
    current_scene: status.obs?.current_scene ?? null,
    scenes: status.obs?.scenes ?? [],
    channel: status.twitch?.identity?.login ?? null,
  };
}

function access({ paused }) {
  return paused
    ? problem("access", "The streamer has paused the agent in OBS: every action is refused until they resume it.")
    : ok("access", "The agent may act.");
}

function actions(tools) {
  const off = tools.filter((tool) => tool.enabled === false).map((tool) => tool.name);
  if (off.length === 0) {
    return ok("actions", "Nothing the show needs is switched off.");
  }
  const message = `Switched off by the streamer: ${off.join(", ")}.`;
  return off.includes("twitch.start_stream") ? problem("actions", message) : warning("actions", message);
}

function obs(page) {
  if (!page || page.responsive === false) {
    return problem("obs", `OBS does not react${page?.problem ? ` (${page.problem})` : ""}: someone should look at it.`);
  }
  return ok("obs", `OBS ${page.version} reacts.`);
}

function scene(page, wanted) {
  if (wanted === undefined) {
    return ok("scene", `Current scene: ${page.current_scene ?? "unknown"}.`);
  }
  return page.scenes?.includes(wanted)
    ? ok("scene", `The scene "${wanted}" exists.`)
    : problem("scene", `There is no scene "${wanted}"; scenes: ${(page.scenes ?? []).join(", ") || "unknown"}.`);
}

// OBS streams with its own key, so nothing of Twitch's API keeps a show from starting.
function twitch({ state, identity, last_error: lastError }) {
  if (state === "ok") {
    return ok("twitch", `Twitch is connected${identity?.login ? ` as ${identity.login}` : ""}.`);
  }
  const why = {
    not_configured: "Twitch is not connected",
    revoked: "The Twitch connection was revoked or ran out",
    unreachable: "Twitch cannot be reached",
  }[state];
  const more = typeof lastError === "string" && lastError ? ` (${lastError})` : "";
  return warning("twitch", `${why ?? `The Twitch connection is "${state}"`}${more}: title, category, chat and clips may fail.`);
}

function scopes({ scopes_missing: missing = [] }) {
  const names = Array.isArray(missing) ? missing : Object.keys(missing ?? {});
  return names.length > 0
    ? warning("scopes", `Twitch permissions missing: ${names.join(", ")}; the streamer has to connect Twitch again.`)
    : null;
}

function expiry({ expires_at: expiresAt, refreshable }, nowMs) {
  const leftS = expiresAt ? (Date.parse(expiresAt) - nowMs) / 1000 : NaN;
  return leftS < SOON_S && refreshable === false
    ? warning("token", `The Twitch token ends in ${Math.max(0, Math.round(leftS / 60))} min and cannot renew itself.`)
    : null;
}

function queue({ queue_length: length = 0 }) {
  return length > 0 ? warning("queue", `${length} job(s) still wait or run.`) : null;
}

const ok = (name, message) => ({ name, level: "ok", message });
const warning = (name, message) => ({ name, level: "warning", message });
const problem = (name, message) => ({ name, level: "problem", message });
