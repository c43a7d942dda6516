import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { Gateway, gatewayFor, SESSION } from "./plugin.js";
import { accepted, job, progress, refusal, Service, sync, TOKEN } from "./service.js";

test("a sync action carries OpenClaw's ids and returns the service's result", async (t) => {
  const service = await Service.start(t, () => sync({ request_id: "r", status: "updated", title: "Hi" }));
  const gateway = gatewayFor(t, service);
  gateway.before("twitch_set_title", { toolCallId: "call_7", runId: "run-9" });
  const result = await gateway.call("twitch_set_title", { title: "Hi" }, { toolCallId: "call_7" });
  assert.deepEqual(result, { ok: true, status: "updated", title: "Hi" });
  const [request] = service.requests;
  assert.equal(request.path, "/tools/execute");
  assert.equal(request.headers.authorization, `Bearer ${TOKEN}`);
  assert.equal(request.headers["content-type"], "application/json");
  assert.equal(request.headers["x-tool-signature"], undefined);
  assert.deepEqual(request.body, {
    request_id: "call_7:run-9",
    agent_id: "main",
    action: "twitch.set_title",
    args: { title: "Hi" },
    mission_id: "session-1",
    correlation_id: "run-9",
  });
});

test("with a named agent's token its name is sent, whichever agent of OpenClaw calls", async (t) => {
  const service = await Service.start(t, () => sync({ request_id: "r", status: "updated" }));
  const gateway = gatewayFor(t, service, { agentId: "show-producer" });
  await gateway.call("twitch_set_title", { title: "Hi" }, { session: { ...SESSION, agentId: "other" } });
  assert.equal(service.requests[0].body.agent_id, "show-producer");
});

test("what is said in the text is not said again in the details", async (t) => {
  const answers = [sync({ request_id: "r", status: "updated" }), refusal(423, "paused_by_operator")];
  const service = await Service.start(t, () => answers.shift());
  const tool = gatewayFor(t, service).tools.get("twitch_set_title")(SESSION);
  for (const ok of [true, false]) {
    const { content, details } = await tool.execute("call_1", { title: "Hi" });
    assert.equal(JSON.parse(content[0].text).ok, ok);
    assert.deepEqual(details, { ok });
  }
});

test("without a session id the mission stays unnamed: a session key can hold a phone number", async (t) => {
  const service = await Service.start(t, () => sync({ request_id: "r", status: "updated" }));
  const session = { agentId: "main", sessionKey: "agent:main:whatsapp:+491701234567" };
  await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" }, { session });
  assert.ok(!("mission_id" in service.posts[0].body));
  assert.doesNotMatch(service.posts[0].text, /49170/);
});

test("a call outside a run is identified by its tool call id alone", async (t) => {
  const service = await Service.start(t, () => sync({ request_id: "r", status: "updated" }));
  await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" }, { toolCallId: "http-direct-operator-5" });
  const { body } = service.requests[0];
  assert.equal(body.request_id, "http-direct-operator-5");
  assert.ok(!("correlation_id" in body));
});

test("each POST is signed over timestamp and body when a secret is set", async (t) => {
  const service = await Service.start(t, () => sync({ request_id: "r", status: "updated" }));
  const before = Math.floor(Date.now() / 1000);
  await gatewayFor(t, service, { signatureSecret: "s3cret" }).call("twitch_set_title", { title: "Grüße 👋" });
  const { headers, text } = service.requests[0];
  const timestamp = headers["x-tool-timestamp"];
  assert.ok(Number(timestamp) >= before && Number(timestamp) <= Date.now() / 1000);
  const expected = createHmac("sha256", "s3cret").update(`${timestamp}.${text}`).digest("hex");
  assert.equal(headers["x-tool-signature"], `sha256=${expected}`);
});

test("start waits for its job, shows progress, and returns the outcome", async (t) => {
  const polls = [
    job("running", { progress: progress(40, "starting the stream") }),
    job("running", { progress: progress(40, "starting the stream") }),
    job("done", { result: { status: "started", warnings: [] } }),
  ];
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : polls.shift()));
  const updates = [];
  const result = await gatewayFor(t, service).call(
    "twitch_start_stream",
    { title: "Hi", wait: true },
    { onUpdate: (update) => updates.push(update) },
  );
  assert.deepEqual(result, { ok: true, status: "started" });
  assert.deepEqual(service.posts[0].body.args, { title: "Hi" });
  assert.match(service.requests[1].path, /^\/tools\/jobs\/job-1\?wait=\d+$/);
  const texts = updates.map((update) => update.content[0].text);
  assert.deepEqual(texts, ["twitch.start_stream: starting the stream (40 %)", "twitch.start_stream: done (100 %)"]);
  assert.equal(updates[0].progress.privacy, "public");
});

test("a failed job is a failure with its code, message and hint", async (t) => {
  const lost = { code: "stream_key_refused", message: "refused", hint: "check the key", retryable: false, details: { obs_code: -3 } };
  const service = await Service.start(t, ({ method }) => (method === "POST" ? accepted() : job("failed", { error: lost })));
  const result = await gatewayFor(t, service).call("twitch_start_stream");
  assert.deepEqual(result, {
    ok: false,
    code: "stream_key_refused",
    message: "refused",
    hint: "check the key",
    retryable: false,
    details: { obs_code: -3 },
  });
});

test("a refusal keeps the service's own words", async (t) => {
  const service = await Service.start(t, () => refusal(423, "paused_by_operator"));
  const result = await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" });
  assert.deepEqual(result, {
    ok: false,
    code: "paused_by_operator",
    message: "paused_by_operator happened",
    hint: "do this",
    retryable: false,
  });
  assert.equal(service.requests.length, 1);
});

test("a job status names the job and waits as long as asked", async (t) => {
  const service = await Service.start(t, () => job("running", { progress: progress(55, "connecting") }));
  const result = await gatewayFor(t, service).call("twitch_job_status", { job_id: "job-1", wait_s: 20 });
  assert.equal(service.requests[0].path, "/tools/jobs/job-1?wait=20");
  assert.deepEqual(result, {
    ok: true,
    action: "twitch.start_stream",
    job_id: "job-1",
    job_status: "running",
    progress: { percent: 55, message: "connecting" },
  });
});

test("a job status without an id is that of the newest job of this conversation", async (t) => {
  const done = job("done", { result: { status: "started" } });
  let jobs = [done.body.job];
  const service = await Service.start(t, ({ path }) => (path.startsWith("/tools/jobs?") ? { body: { ok: true, jobs } } : done));
  const gateway = gatewayFor(t, service);
  assert.deepEqual(await gateway.call("twitch_job_status"), {
    ok: true,
    action: "twitch.start_stream",
    job_id: "job-1",
    job_status: "done",
    status: "started",
  });
  assert.equal(service.requests[0].path, "/tools/jobs?limit=1&mission_id=session-1");
  jobs = [];
  assert.equal((await gateway.call("twitch_job_status")).code, "job_not_found");
  assert.equal((await gateway.call("twitch_job_status", {}, { session: { agentId: "main" } })).code, "job_not_found");
});

test("the channel and what was heard are read, with cursor and wait", async (t) => {
  const heard = { ok: true, enabled: true, connected: true, events: [{ type: "chat", text: "hi" }], next_cursor: "c-2" };
  const channel = { ok: true, channel: { data: { title: "Hi" }, age_s: 3 } };
  const service = await Service.start(t, ({ path }) => ({ body: path === "/channel" ? channel : heard }));
  const gateway = gatewayFor(t, service);
  assert.deepEqual(await gateway.call("twitch_channel"), channel);
  assert.deepEqual(await gateway.call("twitch_events"), heard);
  assert.deepEqual(await gateway.call("twitch_events", { cursor: "c-2", wait_s: 20 }), heard);
  const paths = service.requests.map(({ path }) => path);
  assert.deepEqual(paths, ["/channel", "/events?limit=50&wait=0", "/events?limit=50&wait=20&cursor=c-2"]);
});

test("events that cannot be had are a failure with the service's own words", async (t) => {
  const service = await Service.start(t, () => refusal(400, "invalid_request"));
  const result = await gatewayFor(t, service).call("twitch_events", { cursor: "old" });
  assert.deepEqual([result.ok, result.code, result.hint], [false, "invalid_request", "do this"]);
});

test("a secret that OpenClaw could not resolve is a failure that sends nothing", async (t) => {
  const service = await Service.start(t, () => assert.fail("nothing may be sent"));
  for (const config of [
    { token: undefined },
    { token: { source: "env", provider: "default", id: "MISSING" } },
    { signatureSecret: { source: "env", provider: "default", id: "MISSING" } },
    { token: "töken" },
  ]) {
    const result = await new Gateway(t, { baseUrl: service.url, token: TOKEN, ...config }).call("twitch_create_clip");
    assert.equal(result.code, "not_configured");
    assert.doesNotMatch(JSON.stringify(result), /MISSING|töken/);
  }
  assert.equal(service.requests.length, 0);
});

test("an action that the streamer is asked about first waits for the answer", async (t) => {
  const asked = accepted();
  asked.body.result.approval = { state: "pending", expires_at: "2026-01-01T00:02:00Z" };
  const service = await Service.start(t, ({ method }) =>
    method === "POST" ? asked : job("done", { action: "twitch.set_title", result: { status: "updated" } }),
  );
  const result = await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" });
  assert.deepEqual(result, { ok: true, status: "updated" });
  assert.deepEqual(service.posts[0].body.args, { title: "Hi" });
});

test("as long as the streamer has not answered, the agent is told that nothing was done", async (t) => {
  const approval = { state: "pending", expires_at: "2026-01-01T00:02:00Z" };
  const asked = accepted();
  asked.body.result.approval = approval;
  const service = await Service.start(t, ({ method }) => (method === "POST" ? asked : job("queued", { approval })));
  for (const params of [{}, { wait: false }]) {
    const result = await gatewayFor(t, service, { jobWaitS: 1 }).call("twitch_start_stream", params);
    assert.equal(result.approval, "pending");
    assert.match(result.note, /^Nothing has been done: the streamer has to allow it in OBS first\./);
  }
});
