import assert from "node:assert/strict";
import { test } from "node:test";

import { gatewayFor } from "./plugin.js";
import { accepted, job, Service } from "./service.js";

const service = (t) =>
  Service.start(t, ({ method }) => (method === "POST" ? accepted() : job("done", { result: { status: "started" } })));

test("without confirmGoLive nobody is asked", async (t) => {
  const gateway = gatewayFor(t, await service(t));
  assert.equal(gateway.before("twitch_start_stream"), undefined);
});

test("confirmGoLive asks a person, who sees what will go on air", async (t) => {
  const gateway = gatewayFor(t, await service(t), { confirmGoLive: true });
  const params = { title: "Speedrun", obs_scene: "Intro", wait: true };
  const { requireApproval } = gateway.before("twitch_start_stream", { params });
  assert.deepEqual(requireApproval.allowedDecisions, ["allow-once", "deny"]);
  assert.match(requireApproval.description, /title: "Speedrun"\nobs_scene: "Intro"/);
  assert.ok(requireApproval.title.length <= 80 && requireApproval.description.length <= 512);
  requireApproval.onResolution("allow-once");
  assert.equal((await gateway.call("twitch_start_stream", params)).ok, true);
});

test("a text is shown whole, and cannot pass for another argument", async (t) => {
  const gateway = gatewayFor(t, await service(t), { confirmGoLive: true });
  const title = `${"x".repeat(120)}\nobs_scene: Safe\u202e`;
  const { description } = gateway.before("twitch_start_stream", { params: { title } }).requireApproval;
  assert.equal(description.split("\n").length, 2);
  assert.ok(description.endsWith(`${"x".repeat(120)}\\nobs_scene: Safe\\u{202e}"`));
});

for (const decision of ["deny", "timeout", "cancelled", "allow-always", undefined]) {
  test(`a start whose approval ended as ${decision} does nothing`, async (t) => {
    const obs = await service(t);
    const gateway = gatewayFor(t, obs, { confirmGoLive: true });
    gateway.before("twitch_start_stream").requireApproval.onResolution(decision);
    assert.equal((await gateway.call("twitch_start_stream")).code, "confirmation_required");
    assert.equal(obs.requests.length, 0);
  });
}

test("an approval counts for one call", async (t) => {
  const obs = await service(t);
  const gateway = gatewayFor(t, obs, { confirmGoLive: true });
  gateway.before("twitch_start_stream").requireApproval.onResolution("allow-once");
  await gateway.call("twitch_start_stream");
  assert.equal((await gateway.call("twitch_start_stream")).code, "confirmation_required");
  assert.equal(obs.posts.length, 1);
});

test("confirmGoLive does not ask for anything else; confirmStop asks for the stop", async (t) => {
  const obs = await service(t);
  const goLive = gatewayFor(t, obs, { confirmGoLive: true });
  assert.equal(goLive.before("twitch_stop_stream"), undefined);
  assert.equal(goLive.before("twitch_set_title"), undefined);
  const stop = gatewayFor(t, obs, { confirmStop: true });
  assert.ok(stop.before("twitch_stop_stream").requireApproval);
  assert.equal(stop.before("twitch_start_stream"), undefined);
});

test("the hook leaves other plugins' tools alone", async (t) => {
  const gateway = gatewayFor(t, await service(t), { confirmGoLive: true });
  assert.equal(gateway.before("exec"), undefined);
  assert.ok(gateway.hooks[0].options.matcher.includes("twitch_start_stream"));
});
