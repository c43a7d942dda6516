import assert from "node:assert/strict";
import { test } from "node:test";

import { followStream } from "../lib/streamwatch.js";
import { JobWatcher } from "../lib/watcher.js";
import { SESSION } from "./plugin.js";
import { deferred, error } from "./service.js";

const SINCE = "2026-01-01T12:00:00Z";

/** What is told of a stream that is in these states, one look each; null is a service that is away, a failure its answer. */
async function told(states, { stops = [], rails } = {}) {
  const said = [];
  const looks = states.map((state) => {
    if (state === null) {
      return { failure: { code: "service_down" } };
    }
    return state.failure ? state : { body: { obs: { stream: { state } }, guard_rails: rails }, answered: true };
  });
  const stop = new AbortController();
  const client = {
    sleep: async () => looks.length === 0 && stop.abort(),
    get: async (path) => (path === "/status" ? looks.shift() : { body: { jobs: stops }, answered: true }),
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

const answered = (code) => ({ failure: error(code), answered: true });

test("an OBS that answers with a failure is not gone, however long: the stream is watched on", async () => {
  for (const code of ["internal_error", "obs_unresponsive", "rate_limited"]) {
    assert.deepEqual(await told(["live", ...Array(9).fill(answered(code)), "live"]), []);
    const [said, ...more] = await told([...Array(9).fill(answered(code)), "offline"]);
    assert.match(said, /^The stream is off air/);
    assert.deepEqual(more, []);
  }
});

test("answers between do not add to the looks at which OBS was away", async () => {
  assert.deepEqual(await told([null, null, answered("internal_error"), null, null, "live"]), []);
});

test("a stream that can no longer be seen is told once as that, with the code and what to do", async () => {
  const refused = [answered("unauthorized"), answered("client_not_allowed"), answered("unexpected_answer")];
  for (const one of [...refused, { failure: error("not_configured") }]) {
    assert.deepEqual(await told(["live", one, one, "live", one, one, "live"]), []);
    const [said, ...more] = await told(["live", one, one, one]);
    assert.match(said, /^The stream can no longer be seen, and may be on air all the same\./);
    assert.ok(said.includes(`"code":"${one.failure.code}"`) && said.includes('"hint":"do this"'));
    assert.deepEqual(more, []);
  }
});

test("a stream that could not be seen is watched on once it can be, and told so", async () => {
  const refused = Array(9).fill(answered("unauthorized"));
  for (const state of ["live", "reconnecting", "stopping"]) {
    const [, said, ...more] = await told(["live", ...refused, state, "live", "offline"]);
    assert.equal(said, `The stream can be seen again; its state is "${state}".`);
    assert.match(more.join(), /^The stream is off air/);
  }
  const [, said, ...more] = await told(["live", ...refused, "offline"]);
  assert.match(said, /^The stream is off air/);
  assert.deepEqual(more, []);
});

test("a stream that cannot be seen is looked at so seldom that nobody takes it for an attack", async () => {
  const waits = [];
  const stop = new AbortController();
  const client = {
    sleep: async (seconds) => waits.push(seconds) === 6 && stop.abort(),
    get: async () => answered("unauthorized"),
  };
  await followStream(client, () => SINCE, { signal: stop.signal, untilMs: Infinity, tell: () => {} });
  assert.deepEqual(waits, [15, 15, 15, 60, 60, 60]);
});

test("a watch that ends while it asks why the stream is off air tells nothing", async () => {
  const said = [];
  const ending = new AbortController();
  const client = {
    sleep: async () => {},
    get: async (path) => {
      if (path === "/status") {
        return { body: { obs: { stream: { state: "offline" } } }, answered: true };
      }
      ending.abort();
      return { failure: error("cancelled") };
    },
  };
  await followStream(client, () => SINCE, { signal: ending.signal, untilMs: Infinity, tell: (text) => said.push(text) });
  assert.deepEqual(said, []);
});

const done = (action, created_at) => ({ status: "done", action, created_at });
const OTHER = { ...SESSION, sessionKey: "agent:main:other" };

/** How many follow a stream that was started at SINCE, after these jobs, [job, session] each, ended. */
async function watchedAfter(jobs) {
  const waits = new Map();
  const client = {
    sleep: (_seconds, signal) => {
      const { promise, reject } = deferred();
      waits.set(signal, promise);
      signal.addEventListener("abort", () => waits.delete(signal) && reject(signal.reason));
      return promise;
    },
  };
  const watcher = new JobWatcher(client, () => assert.fail("nothing is told"));
  watcher.watchStream(done("twitch.start_stream", SINCE), SESSION);
  jobs.forEach(([job, session]) => watcher.watchStream(job, session));
  const { size } = waits;
  await watcher.stop();
  return size;
}

test("a stream that an agent stopped is followed no more: an OBS that is closed after that is no news", async () => {
  const later = "2026-01-01T13:00:00Z";
  assert.equal(await watchedAfter([]), 1);
  for (const session of [SESSION, OTHER]) {
    assert.equal(await watchedAfter([[done("twitch.stop_stream", later), session]]), 0);
  }
  const again = done("twitch.start_stream", "2026-01-01T14:00:00Z");
  assert.equal(await watchedAfter([[done("twitch.stop_stream", later), SESSION], [again, SESSION]]), 1);
});

test("a stop that failed, that came before the start, or another action ends no watch", async () => {
  const failed = { ...done("twitch.stop_stream", "2026-01-01T13:00:00Z"), status: "failed" };
  const before = done("twitch.stop_stream", "2026-01-01T11:00:00Z");
  for (const job of [failed, before, done("twitch.set_title", "2026-01-01T13:00:00Z")]) {
    assert.equal(await watchedAfter([[job, SESSION]]), 1);
  }
});
