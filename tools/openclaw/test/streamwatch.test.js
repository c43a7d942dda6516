import assert from "node:assert/strict";
import { test } from "node:test";

import { followStream } from "../lib/streamwatch.js";

const SINCE = "2026-01-01T12:00:00Z";

/** What is told of a stream that is in these states, one look each; null is a service that is away. */
async function told(states, { stops = [], rails } = {}) {
  const said = [];
  const looks = states.map((state) => (state === null ? {} : { body: { obs: { stream: { state } }, guard_rails: rails } }));
  const stop = new AbortController();
  const client = {
    sleep: async () => looks.length === 0 && stop.abort(),
    get: async (path) => (path === "/status" ? looks.shift() : { body: { jobs: stops } }),
  };
  await followStream(client, () => SINCE, { signal: stop.signal, untilMs: Infinity, tell: (text) => said.push(text) });
  assert.equal(looks.length, 0, "every look was made");
  return said;
}

const stop = (status, created_at) => ({ status, created_at });

test("a stream that ends without a stop of an agent is told", async () => {
  const [said] = await told(["live", "live", "offline"]);
  assert.match(said, /^The stream is off air, not by you/);
  assert.match(said, /Do not start it again unless the user asks for it\.$/);
});

test("a stop of an agent was told by its own call", async () => {
  assert.deepEqual(await told(["live", "offline"], { stops: [stop("done", "2026-01-01T13:00:00Z")] }), []);
});

test("a stop before this start, or one that failed or was denied, ended nothing", async () => {
  for (const one of [stop("done", "2026-01-01T11:00:00Z"), stop("failed", "2026-01-01T13:00:00Z")]) {
    assert.equal((await told(["live", "offline"], { stops: [one] })).length, 1);
  }
});

test("a stream that was as long as it may be says so", async () => {
  const [said] = await told(["offline"], { rails: { last_stream_ended_at: "2026-01-01T13:00:00Z" } });
  assert.match(said, /as long as the streamer lets it be/);
});

test("a connection that stays lost is told once, and that it is back", async () => {
  const said = await told(["live", "reconnecting", "reconnecting", "reconnecting", "live", "reconnecting", "live"]);
  assert.equal(said.length, 2);
  assert.match(said[0], /reconnecting: viewers see nothing/);
  assert.match(said[1], /on air again/);
});

test("an OBS that is gone is told, a short gap is not", async () => {
  assert.deepEqual(await told(["live", null, null, "live"]), []);
  const [said] = await told(["live", null, null, null]);
  assert.match(said, /^OBS does not answer any more/);
});
