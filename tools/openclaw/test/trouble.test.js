import assert from "node:assert/strict";
import { test } from "node:test";

import { ServiceClient } from "../lib/client.js";
import { gatewayFor } from "./plugin.js";
import { accepted, deferred, job, refusal, Service, sync, TOKEN } from "./service.js";

const DONE = job("done", { result: { status: "started" } });

test("only a retryable refusal is sent again, with the same request_id and body", async (t) => {
  const answers = [refusal(503, "busy", { retryable: true, headers: { "Retry-After": "0" } }), sync({ request_id: "r", status: "updated" })];
  const service = await Service.start(t, () => answers.shift());
  const updates = [];
  const result = await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" }, { onUpdate: (u) => updates.push(u) });
  assert.equal(result.ok, true);
  assert.equal(service.requests.length, 2);
  assert.equal(service.requests[0].text, service.requests[1].text);
  assert.match(updates[0].content[0].text, /busy, trying again in 0 s/);
});

test("each try is signed anew, also within one second", async (t) => {
  const answers = [refusal(503, "busy", { retryable: true, headers: { "Retry-After": "0" } }), sync({ request_id: "r", status: "updated" })];
  const service = await Service.start(t, () => answers.shift());
  await gatewayFor(t, service, { signatureSecret: "s3cret" }).call("twitch_set_title", { title: "Hello" });
  const signatures = service.requests.map((request) => request.headers["x-tool-signature"]);
  assert.equal(new Set(signatures).size, 2);
});

test("a clock that was put back is followed, so that signatures count at once", async (t) => {
  const service = await Service.start(t, () => sync({ request_id: "r", status: "updated" }));
  const gateway = gatewayFor(t, service, { signatureSecret: "s3cret" });
  const startMs = Date.now();
  t.mock.timers.enable({ apis: ["Date"], now: startMs });
  for (const nowMs of [startMs, startMs, startMs - 3_600_000]) {
    t.mock.timers.setTime(nowMs);
    await gateway.call("twitch_set_title", { title: "Hi" });
  }
  const [first, ...others] = service.requests.map((request) => Number(request.headers["x-tool-timestamp"]));
  assert.deepEqual(others, [first + 1, first - 3600]);
});

test("retries are bounded", async (t) => {
  const service = await Service.start(t, () => refusal(503, "busy", { retryable: true, headers: { "Retry-After": "0" } }));
  const result = await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" });
  assert.equal(result.code, "busy");
  assert.equal(service.requests.length, 4);
});

test("a service that takes long to fail is not asked again until the user has gone", async (t) => {
  let nowS = 0;
  const service = await Service.start(t, () => {
    nowS += 25;
    return refusal(504, "timeout", { retryable: true });
  });
  const config = { baseUrl: service.url, token: TOKEN, signatureSecret: null, problem: null, requestTimeoutS: 40 };
  const client = new ServiceClient(config, async (seconds) => { nowS += seconds; }, () => nowS);
  const { failure } = await client.execute({ action: "twitch.set_title", args: { title: "Hi" } });
  assert.equal(failure.code, "timeout");
  assert.equal(service.requests.length, 1);
  assert.equal(nowS, 25);
});

test("a Retry-After longer than an agent should hang is passed on instead of waited for", async (t) => {
  const service = await Service.start(t, () => refusal(429, "rate_limited", { retryable: true, headers: { "Retry-After": "55" } }));
  const result = await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" });
  assert.equal(result.code, "rate_limited");
  assert.equal(result.retry_after_s, 55);
  assert.equal(service.requests.length, 1);
});

test("Retry-After is honoured", async (t) => {
  const answers = [refusal(429, "rate_limited", { retryable: true, headers: { "Retry-After": "1" } }), sync({ request_id: "r", status: "updated" })];
  const times = [];
  const service = await Service.start(t, () => {
    times.push(performance.now());
    return answers.shift();
  });
  const result = await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" });
  assert.equal(result.ok, true);
  assert.ok(times[1] - times[0] >= 990, `sent again after ${times[1] - times[0]} ms`);
});

test("a service that is down says what that means", async (t) => {
  const service = await Service.start(t, () => null);
  const gateway = gatewayFor(t, service);
  await service.stop();
  for (const tool of ["twitch_start_stream", "twitch_pre_show_check", "twitch_job_status"]) {
    const updates = [];
    const result = await gateway.call(tool, { job_id: "job-1" }, { onUpdate: (update) => updates.push(update) });
    assert.equal(result.ok, false);
    assert.deepEqual(updates, [], "only the service itself can ask for another try");
    assert.equal(result.code, "service_down");
    assert.match(result.message, /^OBS is not running or the script is not loaded/);
    assert.ok(result.hint);
  }
});

test("a connection that breaks during an action is not sent again", async (t) => {
  const service = await Service.start(t, () => null);
  const result = await gatewayFor(t, service).call("twitch_create_clip");
  assert.equal(result.code, "service_lost");
  assert.equal(result.retryable, false);
  assert.equal(service.requests.length, 1);
});

test("a short gap while waiting for a job is bridged", async (t) => {
  const polls = [job("running"), null, refusal(503, "stopping", { retryable: true }), DONE];
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : polls.shift()));
  const result = await gatewayFor(t, service).call("twitch_start_stream");
  assert.equal(result.ok, true);
  assert.equal(service.posts.length, 1);
});

test("an OBS that dies under a running job ends the call with a result", async (t) => {
  const gateway = {};
  const service = await Service.start(t, ({ method }) => {
    if (method === "POST") {
      return accepted();
    }
    gateway.dying = service.stop();
    return null;
  });
  const started = performance.now();
  const result = await gatewayFor(t, service).call("twitch_start_stream");
  await gateway.dying;
  assert.equal(result.code, "service_lost");
  assert.equal(result.job_id, "job-1");
  assert.match(result.message, /OBS was closed or crashed/);
  assert.ok(performance.now() - started < 15_000);
});

test("something else on the port is recognised, and a redirect is not followed with the token", async (t) => {
  const other = await Service.start(t, () => ({ status: 200, body: "<html>" }));
  const answers = [
    { status: 200, body: "<html>hello" },
    { status: 404, body: { error: "no" } },
    { status: 302, body: "", headers: { Location: other.url } },
  ];
  const service = await Service.start(t, () => answers.shift());
  const gateway = gatewayFor(t, service);
  for (let count = 0; count < 3; count += 1) {
    const result = await gateway.call("twitch_set_title", { title: "Hi" });
    assert.equal(result.code, "unexpected_answer");
  }
  assert.equal(other.requests.length, 0);
});

test("a program on the port that says ok, but not what was asked, is recognised too", async (t) => {
  const service = await Service.start(t, () => ({ body: { ok: true } }), { lists: true });
  const gateway = gatewayFor(t, service);
  gateway.start(undefined);
  assert.ok(gateway.shown().includes("twitch_start_stream"));
  for (const tool of ["twitch_start_stream", "twitch_pre_show_check", "twitch_job_status"]) {
    assert.equal((await gateway.call(tool)).code, "unexpected_answer");
  }
  await gateway.stop();
});

const WRONG_TYPES = [
  ["twitch_pre_show_check", { obs: {}, tools: { one: 1 } }],
  ["twitch_pre_show_check", { obs: {}, tools: [null] }],
  ["twitch_pre_show_check", { obs: "on", tools: [] }],
  ["twitch_job_status", { jobs: {} }],
  ["twitch_job_status", { jobs: [null] }],
  ["twitch_set_title", { result: "done" }],
  ["twitch_channel", { title: "Hello" }],
  ["twitch_events", { events: "none" }],
];
for (const [tool, said] of WRONG_TYPES) {
  test(`an answer to ${tool} of ${JSON.stringify(said)} is another program's, and no rejection in the gateway`, async (t) => {
    const service = await Service.start(t, () => ({ body: { ok: true, ...said } }), { lists: true });
    const gateway = gatewayFor(t, service);
    gateway.start(undefined);
    assert.equal((await gateway.call(tool, { title: "Hi" })).code, "unexpected_answer");
    await gateway.stop();
  });
}

test("an answer that repeats the token does not carry it to the agent", async (t) => {
  const service = await Service.start(t, () => refusal(401, "unauthorized", { message: `got ${TOKEN}`, details: { given: TOKEN } }));
  const result = await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" });
  assert.equal(result.code, "unauthorized");
  assert.doesNotMatch(JSON.stringify(result), new RegExp(TOKEN));
});

test("a cancelled call ends at once, says that the job goes on, and stops polling", async (t) => {
  const polling = deferred();
  const service = await Service.start(t, ({ method }) => {
    if (method === "POST") {
      return accepted();
    }
    polling.resolve();
    return new Promise(() => {});
  });
  const abort = new AbortController();
  const call = gatewayFor(t, service).call("twitch_start_stream", {}, { signal: abort.signal });
  await polling.promise;
  abort.abort();
  const result = await call;
  assert.equal(result.code, "cancelled");
  assert.equal(result.job_id, "job-1");
  assert.match(result.hint, /twitch_stop_stream/);
  assert.equal(service.requests.length, 2);
});

test("a cancelled call does not wait for its next try", async (t) => {
  const service = await Service.start(t, () => refusal(503, "busy", { retryable: true, headers: { "Retry-After": "20" } }));
  const abort = new AbortController();
  const result = await gatewayFor(t, service).call(
    "twitch_set_title",
    { title: "Hi" },
    { signal: abort.signal, onUpdate: () => abort.abort() },
  );
  assert.equal(result.code, "cancelled");
});

test("a service that does not answer is given up after the timeout", async (t) => {
  const service = await Service.start(t, () => new Promise(() => {}));
  const result = await gatewayFor(t, service, { requestTimeoutS: 1 }).call("twitch_set_title", { title: "Hi" });
  assert.equal(result.code, "service_timeout");
});
