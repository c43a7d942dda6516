import assert from "node:assert/strict";
import { test } from "node:test";

import { approvalRequest } from "../lib/approval.js";
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
  assert.match(requireApproval.description, /obs_scene: "Intro"\ntitle: "Speedrun"/);
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

test("the longest texts without escapes are shown whole", () => {
  const params = { title: "t".repeat(140), game: "g".repeat(120), obs_scene: "s".repeat(120), channel: "c".repeat(25) };
  const { description } = approvalRequest("twitch_start_stream", params, () => {});
  for (const [name, text] of Object.entries(params)) {
    assert.ok(description.includes(`\n${name}: "${text}"`), name);
  }
  assert.ok(description.length <= 512);
});

test("no text hides another argument: scene and channel come first and whole, what is cut shows it", () => {
  for (const letter of ['"', "\\", "\u00ad", "\u{e0001}", "\ud800", "😀"]) {
    const params = { title: letter.repeat(140), game: letter.repeat(120), game_id: letter.repeat(999), reason: letter.repeat(160) };
    const { description } = approvalRequest("twitch_start_stream", { ...params, obs_scene: "Bedroom cam", channel: "x" }, () => {});
    assert.ok(description.length <= 512, letter);
    const [, scene, channel, ...others] = description.split("\n");
    assert.deepEqual([scene, channel], ['obs_scene: "Bedroom cam"', 'channel: "x"']);
    assert.deepEqual(others.map((line) => line.split(":")[0]), Object.keys(params));
    others.forEach((line) => assert.match(line, /: ".+"…?$/));
    assert.match(description, /game_id: ".+"…/);
    assert.ok(description.isWellFormed(), "no letter is cut in two");
  }
});

test("a scene of escapes leaves room for the channel and the rest", () => {
  const long = '"'.repeat(999);
  const params = { title: long, game: long, obs_scene: long, channel: "somebody_elses_channel_25" };
  const { description } = approvalRequest("twitch_start_stream", params, () => {});
  assert.ok(description.length <= 512);
  assert.match(description, /obs_scene: ".+"…\nchannel: "somebody_elses_channel_25"\ntitle: ".+"…\ngame: ".+"…$/);
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
