import assert from "node:assert/strict";
import { test } from "node:test";

import { gatewayFor } from "./plugin.js";
import { accepted, deferred, error, job, Service } from "./service.js";

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
  assert.match(event.text, /"job_id":"job-1","job_status":"done","result":\{"status":"started"\}/);
  assert.equal(event.sessionKey, "agent:main:main");
  assert.equal(event.agentId, "main");
  assert.deepEqual(event.deliveryContext, { channel: "x" });
  const [heartbeat] = gateway.heartbeats;
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
