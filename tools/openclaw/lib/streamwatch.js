// Follows a stream that an agent started, for what nobody asks about: a connection that breaks in mid-show.

import { failed } from "./results.js";

const LOOK_S = 15;
const UNSEEN_LOOK_S = 60; // more refused looks than that are an alert
const LOOKS = 2; // before a trouble that may pass is told
// What somebody has to mend, and says nothing of the stream.
const NOT_SEEN = new Set(["unauthorized", "client_not_allowed", "unexpected_answer", "not_configured"]);

/**
 * Look at the stream until it ends. `tell(text)` is called when it is off air without a stop by an agent, when OBS is
 * gone, when it does not let the plugin look any more, when the connection stays lost, and when either is back. `since()`
 * is when the last start was asked for, by the service's clock.
 */
export async function followStream(client, since, { signal, untilMs, tell }) {
  let reconnecting = 0;
  let away = 0;
  let unseen = 0;
  let hidden = false;
  while (Date.now() < untilMs) {
    await client.sleep(hidden ? UNSEEN_LOOK_S : LOOK_S, signal).catch(() => {});
    if (signal.aborted) {
      return;
    }
    const { body, failure, answered } = await client.get("/status", { signal, part: "obs" });
    if (signal.aborted) {
      return;
    }
    unseen = NOT_SEEN.has(failure?.code) ? unseen + 1 : 0;
    away = answered || unseen > 0 ? 0 : away + 1;
    if (unseen > LOOKS && !hidden) {
      hidden = true;
      const next = "You are told when that is mended.";
      tell(`The stream can no longer be seen, and may be on air all the same. ${next} ${JSON.stringify(failed(failure))}`);
    }
    if (away > LOOKS) {
      tell("OBS does not answer any more: it was closed or crashed, and the stream is probably off air.");
      return;
    }
    const state = body?.obs.stream?.state;
    if (state === "offline") {
      const said = await end(client, since(), body, signal);
      if (said && !signal.aborted) {
        tell(said);
      }
      return;
    }
    if (hidden && state !== undefined) {
      hidden = false;
      tell(`The stream can be seen again; its state is "${state}".`);
    }
    if (state === "reconnecting") {
      reconnecting += 1;
      if (reconnecting === LOOKS) {
        tell("OBS has lost the connection and is reconnecting: viewers see nothing. You are told how it ends.");
      }
    } else if (state === "live") {
      if (reconnecting >= LOOKS) {
        tell("The connection is back: the stream is on air again.");
      }
      reconnecting = 0;
    }
  }
}

// Why it is off air; null if an agent stopped it, who was told by its own call.
async function end(client, since, status, signal) {
  const { body } = await client.get("/tools/jobs?action=twitch.stop_stream&limit=1", { signal, part: "jobs" });
  const [stop] = body?.jobs ?? [];
  if (stop && stop.status !== "failed" && Date.parse(stop.created_at) >= Date.parse(since)) {
    return null;
  }
  const bounded = Date.parse(status.guard_rails?.last_stream_ended_at) >= Date.parse(since);
  const why = bounded
    ? "it was as long as the streamer lets it be, and the service ended it."
    : "not by you: the streamer stopped it, or the connection was lost for good.";
  return `The stream is off air, ${why} Do not start it again unless the user asks for it.`;
}
