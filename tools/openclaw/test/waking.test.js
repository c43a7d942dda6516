import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { JobWatcher } from "../lib/watcher.js";
import { Watches } from "../lib/watches.js";
import { gatewayFor, SESSION } from "./plugin.js";
import { accepted, deferred, error, job, refusal, Service } from "./service.js";

test("with wait: false the job id comes back and the agent is woken when the job ends", async (t) => {
  const end = deferred();
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : end.promise));
  const gateway = gatewayFor(t, service);
  const session = { agentId: "main", sessionKey: "agent:main:main", sessionId: "s", deliveryContext: { channel: "x" } };
  const result = await gateway.call("twitch_start_stream", { wait: false }, { session });
  assert.equal(result.job_id, "job-1");
  assert.equal(result.job_status, "queued");
  assert.match(result.note, /You will be told/);
  assert.ok(!("wait" in service.posts[0].body.args));
  assert.equal(gateway.events.length, 0);
  end.resolve(job("done", { result: { status: "started" } }));
  await gateway.woken();
  const [event] = gateway.events;
  assert.match(event.text, /"job_id":"job-1","job_status":"done","status":"started"/);
  assert.equal(event.sessionKey, "agent:main:main");
  assert.equal(event.agentId, "main");
  assert.deepEqual(event.deliveryContext, { channel: "x" });
  const [heartbeat] = gateway.heartbeats;
  assert.equal(heartbeat.source, "background-task", "which also wakes where the heartbeat is off");
  assert.equal(heartbeat.intent, "immediate");
  assert.equal(heartbeat.sessionKey, "agent:main:main");
});

test("the agent is also woken by a failure", async (t) => {
  const failure = job("failed", { error: error("stream_start_timeout") });
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : failure));
  const gateway = gatewayFor(t, service);
  await gateway.call("twitch_stop_stream", { wait: false });
  await gateway.woken();
  assert.match(gateway.events[0].text, /"code":"stream_start_timeout"/);
});

test("a job that outlasts the wait is followed on and the agent woken", async (t) => {
  const end = deferred();
  let polls = 0;
  const service = await Service.start(t, ({ method }) => {
    if (method === "POST") {
      return accepted();
    }
    polls += 1;
    return polls < 4 ? job("running") : end.promise;
  });
  const gateway = gatewayFor(t, service, { jobWaitS: 0.5 });
  const call = gateway.call("twitch_start_stream");
  t.after(() => end.resolve(job("done", { result: {} })));
  const result = await call;
  assert.equal(result.ok, true);
  assert.equal(result.job_status, "running");
  assert.match(result.note, /You will be told/);
  end.resolve(job("done", { result: { status: "started" } }));
  await gateway.woken();
});

test("without a session nobody can be woken, and the result says to ask", async (t) => {
  const service = await Service.start(t, () => accepted());
  const gateway = gatewayFor(t, service);
  const result = await gateway.call("twitch_start_stream", { wait: false }, { session: {} });
  assert.match(result.note, /twitch_job_status/);
  assert.equal(service.requests.length, 1);
});

test("a turn that is aborted hands its job over: the user is told how it ended", async (t) => {
  const [polling, end] = [deferred(), deferred()];
  const service = await Service.start(t, ({ method }) => {
    if (method === "POST") {
      return accepted();
    }
    polling.resolve();
    return end.promise;
  });
  const gateway = gatewayFor(t, service);
  const abort = new AbortController();
  const call = gateway.call("twitch_start_stream", {}, { signal: abort.signal });
  await polling.promise;
  abort.abort();
  assert.match((await call).hint, /you are told when it ends/);
  end.resolve(job("done", { result: { status: "started" } }));
  await gateway.woken();
  assert.match(gateway.events[0].text, /"job_status":"done","status":"started"/);
});

test("a turn that is aborted before the service has answered loses no job", async (t) => {
  const [sent, answer] = [deferred(), deferred()];
  const service = await Service.start(t, ({ method }) => {
    sent.resolve();
    return method === "POST" ? answer.promise : job("done", { result: { status: "started" } });
  });
  const gateway = gatewayFor(t, service);
  const abort = new AbortController();
  const call = gateway.call("twitch_start_stream", {}, { signal: abort.signal });
  await sent.promise;
  abort.abort();
  answer.resolve(accepted());
  assert.equal((await call).job_id, "job-1");
  await gateway.woken();
});

test("what is watched survives a restart of the gateway, and is let go once it is told", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "watches-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const end = deferred();
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : end.promise));
  const before = gatewayFor(t, service);
  before.start(folder);
  await before.call("twitch_stop_stream", { wait: false });
  await before.stop();
  const file = join(folder, "plugin-state", "twitch-clawcraft", "watches.json");
  assert.equal(statSync(file).mode & 0o077, 0);
  const after = gatewayFor(t, service);
  after.start(folder);
  end.resolve(job("done", { action: "twitch.stop_stream", result: { status: "stopped" } }));
  await after.woken();
  assert.equal(before.events.length, 0);
  assert.equal(after.events[0].sessionKey, SESSION.sessionKey);
  assert.deepEqual(new Watches(folder).all, []);
});

/** A start that a call waits for, in a gateway that keeps its watches in `folder`; `end` is what its job's polls answer. */
async function waitedFor(t) {
  const folder = mkdtempSync(join(tmpdir(), "watches-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [polling, end, abort] = [deferred(), deferred(), new AbortController()];
  const service = await Service.start(t, ({ method }) => {
    if (method === "POST") {
      return accepted();
    }
    polling.resolve();
    return end.promise;
  });
  const gateway = gatewayFor(t, service);
  gateway.start(folder);
  const call = gateway.call("twitch_start_stream", {}, { signal: abort.signal });
  await polling.promise;
  return { folder, service, gateway, call, abort, end };
}

const jobsIn = (folder) => new Watches(folder).all.filter(([key]) => key.startsWith("job:"));
const STARTED = job("done", { result: { status: "started" }, created_at: "2026-01-01T12:00:00Z" });

test("a job that a call waits for is kept until its end is told, by nobody else", async (t) => {
  const { folder, gateway, call, end } = await waitedFor(t);
  assert.equal(jobsIn(folder).length, 1);
  end.resolve(STARTED);
  assert.equal((await call).status, "started");
  await gateway.stop();
  assert.deepEqual(jobsIn(folder), []);
  assert.deepEqual(gateway.events, []);
});

test("a gateway that ends while a call waits leaves the job to the next one", async (t) => {
  const { folder, service, gateway, call, abort, end } = await waitedFor(t);
  await gateway.stop();
  abort.abort();
  assert.match((await call).hint, /you are told when it ends/);
  const next = gatewayFor(t, service);
  next.start(folder);
  end.resolve(STARTED);
  await next.woken();
  await next.stop();
  assert.deepEqual(gateway.events, []);
  assert.equal(next.events.length, 1);
  assert.match(next.events[0].text, /"job_id":"job-1","job_status":"done","status":"started"/);
  assert.deepEqual(jobsIn(folder), []);
});

test("a job that a gateway heard of after its services ended is left to the next one", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "watches-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [sent, answer] = [deferred(), deferred()];
  const service = await Service.start(t, ({ method }) => {
    sent.resolve();
    return method === "POST" ? answer.promise : STARTED;
  });
  const gateway = gatewayFor(t, service);
  gateway.start(folder);
  const call = gateway.call("twitch_start_stream", { wait: false });
  await sent.promise;
  await gateway.stop();
  answer.resolve(accepted());
  assert.match((await call).note, /You will be told/);
  assert.equal(jobsIn(folder).length, 1);
  const next = gatewayFor(t, service);
  next.start(folder);
  await next.woken();
  assert.deepEqual(gateway.events, []);
});

test("with no folder to keep it in, nobody is promised news by a gateway that has ended", async (t) => {
  const service = await Service.start(t, () => accepted());
  const gateway = gatewayFor(t, service);
  await gateway.stop();
  assert.match((await gateway.call("twitch_start_stream", { wait: false })).note, /Ask twitch_job_status/);
});

test("a plugin that is loaded anew while a call waits leaves the telling to the call", async (t) => {
  const { folder, service, gateway, call, end } = await waitedFor(t);
  await gateway.stop();
  const next = gatewayFor(t, service);
  next.start(folder);
  end.resolve(STARTED);
  assert.equal((await call).status, "started");
  await next.stop();
  assert.equal(service.requests.length, 2, "the call alone asked for the job");
  assert.deepEqual([...gateway.events, ...next.events], []);
  assert.deepEqual(jobsIn(folder), []);
});

test("a plugin that is loaded anew while a call waits follows the job once the turn is aborted", async (t) => {
  const { folder, service, gateway, call, abort, end } = await waitedFor(t);
  await gateway.stop();
  const next = gatewayFor(t, service);
  next.start(folder);
  abort.abort();
  await call;
  end.resolve(STARTED);
  await next.woken();
  assert.deepEqual(gateway.events, []);
});

test("a look that fails while a call waits is told with the call, and the outcome later", async (t) => {
  const end = deferred();
  const polls = [refusal(401, "unauthorized"), end.promise];
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : polls.shift()));
  const gateway = gatewayFor(t, service);
  const result = await gateway.call("twitch_start_stream");
  assert.deepEqual([result.ok, result.code, result.job_id], [false, "unauthorized", "job-1"]);
  assert.match(result.note, /You will be told/);
  end.resolve(STARTED);
  await gateway.woken();
  await gateway.stop();
  assert.equal(gateway.events.length, 1);
  assert.match(gateway.events[0].text, /"job_status":"done","status":"started"/);
});

test("a gateway that takes no progress any more is told the outcome", async (t) => {
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : STARTED));
  const gateway = gatewayFor(t, service);
  const onUpdate = () => {
    throw new Error("the turn is over");
  };
  const result = await gateway.call("twitch_start_stream", {}, { onUpdate });
  assert.deepEqual([result.code, result.job_id], ["plugin_error", "job-1"]);
  await gateway.woken();
  assert.match(gateway.events[0].text, /"job_status":"done","status":"started"/);
});

test("a look that fails while no call waits is told once, and the outcome all the same", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "watches-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [failureTold, endTold] = [deferred(), deferred()];
  const failed = { failure: error("unauthorized"), answered: true };
  const asleep = deferred();
  const events = [];
  const wake = (_session, text) => (events.push(text) === 1 ? failureTold : endTold).resolve();
  const before = new JobWatcher({ sleep: () => asleep.promise, get: async () => failed }, wake);
  before.open(folder);
  before.watch("job-1", SESSION);
  await failureTold.promise;
  assert.match(events[0], /"code":"unauthorized".*"job_id":"job-1","note":"You will be told once/);
  const stopped = before.stop();
  asleep.resolve();
  await stopped;
  const stoppedJob = job("done", { action: "twitch.stop_stream", result: { status: "stopped" } });
  const looks = [failed, failed, stoppedJob];
  const after = new JobWatcher({ sleep: async () => {}, get: async () => looks.shift() }, wake);
  after.open(folder);
  await endTold.promise;
  await after.stop();
  assert.equal(events.length, 2, "the gateway after it does not tell a failed look again");
  assert.match(events[1], /"job_status":"done","status":"stopped"/);
  assert.deepEqual(jobsIn(folder), []);
});

test("looks that fail on are not told again, and are so seldom that nobody takes them for an attack", async () => {
  const told = deferred();
  const [events, waits] = [[], []];
  const looks = [...Array(3).fill({ failure: error("unauthorized"), answered: true }), STARTED];
  const client = { sleep: async (seconds) => waits.push(seconds), get: async () => looks.shift() };
  const watcher = new JobWatcher(client, (_session, text) => events.push(text) && told.resolve());
  watcher.watch("job-1", SESSION, { failureTold: true });
  await told.promise;
  await watcher.stop();
  assert.deepEqual(waits.slice(0, 3), [60, 60, 60]);
  assert.equal(events.length, 1);
  assert.match(events[0], /"job_status":"done"/);
});

for (const wait of [true, false]) {
  test(`a stop with wait: ${wait} that is done ends the watch of the stream`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "watches-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const stopped = { action: "twitch.stop_stream", result: { status: "stopped" }, created_at: "2026-01-01T13:00:00Z" };
    const ends = [STARTED, job("done", stopped)];
    const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : ends.shift()));
    const gateway = gatewayFor(t, service);
    gateway.start(folder);
    await gateway.call("twitch_start_stream");
    assert.deepEqual(new Watches(folder).all.map(([key]) => key), [`stream:${SESSION.sessionKey}`]);
    await gateway.call("twitch_stop_stream", { wait });
    await (wait || gateway.woken());
    await gateway.stop();
    assert.deepEqual(new Watches(folder).all, []);
  });
}

test("a job that the service does not know is told once and not watched", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "watches-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : refusal(404, "job_not_found")));
  const gateway = gatewayFor(t, service);
  gateway.start(folder);
  const result = await gateway.call("twitch_start_stream");
  assert.equal(result.code, "job_not_found");
  assert.doesNotMatch(result.note, /You will be told/);
  await gateway.stop();
  assert.deepEqual(gateway.events, []);
  assert.deepEqual(new Watches(folder).all, []);
});

test("a call that arrives again tells its job's end, and nobody else", async (t) => {
  const [end, abort] = [deferred(), new AbortController()];
  const calls = [deferred(), deferred()]; // each resolves when a call polls; a watcher's polls are longer
  const waiting = calls.map(({ promise }) => promise);
  const service = await Service.start(t, ({ method, path }) => {
    if (method === "POST") {
      return accepted();
    }
    if (path.endsWith("?wait=2")) {
      calls.shift().resolve();
    }
    return end.promise;
  });
  const gateway = gatewayFor(t, service);
  const first = gateway.call("twitch_start_stream", {}, { signal: abort.signal });
  await waiting[0];
  abort.abort();
  await first;
  const again = gateway.call("twitch_start_stream");
  await waiting[1];
  end.resolve(STARTED);
  assert.equal((await again).status, "started");
  await gateway.stop();
  assert.deepEqual(gateway.events, []);
});

test("a job whose gateway was away for long is looked at once and told, ended or not", async (t) => {
  for (const status of ["done", "running"]) {
    const folder = mkdtempSync(join(tmpdir(), "watches-"));
    t.after(() => rmSync(folder, { recursive: true }));
    new Watches(folder).put("job:job-1", { jobId: "job-1", untilMs: Date.now() - 1000, session: SESSION });
    const service = await Service.start(t, () => job(status, { action: "twitch.stop_stream", result: { status: "stopped" } }));
    const gateway = gatewayFor(t, service);
    gateway.start(folder);
    assert.equal(new Watches(folder).all.length, 1, "kept until it is told");
    await gateway.woken();
    assert.match(gateway.events[0].text, new RegExp(`"job_status":"${status}"`));
    await gateway.stop();
    assert.equal(service.requests.length, 1);
    assert.deepEqual(new Watches(folder).all, []);
  }
});

test("a job that cannot be looked at after all that time is not told as not done", async (t) => {
  const told = deferred();
  const client = { get: async () => ({ failure: error("service_down") }) };
  const folder = mkdtempSync(join(tmpdir(), "watches-"));
  t.after(() => rmSync(folder, { recursive: true }));
  new Watches(folder).put("job:job-1", { jobId: "job-1", untilMs: Date.now() - 1000, session: SESSION });
  const watcher = new JobWatcher(client, (_session, text) => told.resolve(text));
  watcher.open(folder);
  assert.match(await told.promise, /"code":"service_lost".*It is not known how far it came/);
  await watcher.stop();
});

test("a job is watched for as long as the service keeps it", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "watches-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : new Promise(() => {})));
  const gateway = gatewayFor(t, service);
  gateway.start(folder);
  await gateway.call("twitch_stop_stream", { wait: false });
  await gateway.stop();
  const [[, { untilMs }]] = new Watches(folder).all;
  assert.ok(untilMs > Date.now() + 6 * 24 * 3_600_000);
});

test("a picture that nobody waited for is told without its bytes", async (t) => {
  const taken = { status: "taken", media_type: "image/jpeg", data: "A".repeat(1000), width: 640 };
  const end = job("done", { action: "obs.screenshot", result: taken });
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : end));
  const gateway = gatewayFor(t, service);
  const session = { ...SESSION, sessionKey: "agent:main:picture" };
  await gateway.call("twitch_stop_stream", { wait: false }, { session });
  await gateway.woken();
  assert.match(gateway.events[0].text, /"status":"taken","media_type":"image\/jpeg","width":640/);
});

test("a copy of the plugin whose service was not started hands its jobs to the one whose was", async (t) => {
  const end = deferred();
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : end.promise));
  const [running, copy] = [gatewayFor(t, service), gatewayFor(t, service)];
  running.start(undefined);
  await copy.call("twitch_stop_stream", { wait: false });
  end.resolve(job("done", { action: "twitch.stop_stream", result: { status: "stopped" } }));
  await running.woken();
  assert.equal(copy.events.length, 0);
});

test("a job watched before the plugin's service starts is followed once", async () => {
  const [answer, told] = [deferred(), deferred()];
  const [asked, events] = [[], []];
  const client = { get: (path) => asked.push(path) && answer.promise };
  const watcher = new JobWatcher(client, (_session, text) => events.push(text) && told.resolve());
  assert.equal(watcher.watch("job-1", SESSION), true);
  watcher.open(undefined);
  assert.equal(asked.length, 1);
  answer.resolve(job("done", { action: "twitch.stop_stream", result: { status: "stopped" } }));
  await told.promise;
  await watcher.stop();
  assert.equal(events.length, 1);
});

test("an answer that cannot be read is told and the job let go, without a rejection in the gateway", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "watches-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const unreadable = { body: { ok: true, job: {} } };
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : unreadable));
  const gateway = gatewayFor(t, service);
  gateway.start(folder);
  await gateway.call("twitch_start_stream", { wait: false });
  await gateway.woken();
  await gateway.stop();
  assert.equal(gateway.events.length, 1);
  assert.match(gateway.events[0].text, /"code":"plugin_error".*"job_id":"job-1"/);
  assert.deepEqual(new Watches(folder).all, []);
});

test("a stream whose watch fails is told and let go", async () => {
  const [told, events] = [deferred(), []];
  const client = { sleep: async () => {}, get: () => Promise.reject(new Error("a defect")) };
  const watcher = new JobWatcher(client, (_session, text) => events.push(text) && told.resolve());
  watcher.watchStream({ status: "done", action: "twitch.start_stream", created_at: "2026-01-01T12:00:00Z" }, SESSION);
  await told.promise;
  await watcher.stop();
  assert.match(events.join(), /^What you started on Twitch is not followed any more; .*"code":"plugin_error"/);
});

test("watches are bounded, and a file that is broken or too old is no watch", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "watches-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const watches = new Watches(folder);
  const untilMs = Date.now() + 1e6;
  for (let number = 0; number < 50; number += 1) {
    assert.equal(watches.put(`job:${number}`, { untilMs }), true);
  }
  assert.equal(watches.put("job:50", { untilMs }), false);
  assert.equal(watches.put("job:1", { untilMs: 0 }), true);
  watches.delete("job:2");
  assert.equal(new Watches(folder).all.length, 48);
  writeFileSync(join(folder, "plugin-state", "twitch-clawcraft", "watches.json"), "{");
  assert.deepEqual(new Watches(folder).all, []);
});
