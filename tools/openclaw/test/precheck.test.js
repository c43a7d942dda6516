import assert from "node:assert/strict";
import { test } from "node:test";

import { judge } from "../lib/precheck.js";
import { gatewayFor } from "./plugin.js";
import { Service } from "./service.js";

const stream = { state: "offline", live: false, reconnecting: false, uptime_s: null };
const good = () => ({
  paused: false,
  queue_length: 0,
  obs: { version: "32.0.0", responsive: true, current_scene: "Intro", scenes: ["Intro", "Game"], stream: { ...stream } },
  twitch: { state: "ok", identity: { login: "me" } },
  checks: [
    { name: "obs", outcome: "ok", message: "OBS answers", fix: "" },
    { name: "stream", outcome: "ok", message: "offline, ready to start", fix: "" },
    { name: "actions", outcome: "warning", message: "switched off: for all agents", fix: "" },
  ],
});
const tools = [{ name: "twitch.start_stream", enabled: true, policy: "allow" }];
const withCheck = (check) => ({ ...good(), checks: [...good().checks, check] });

test("a healthy studio is ready, and nothing more is said", () => {
  assert.deepEqual(judge(good(), tools, {}), {
    ready: true,
    live: false,
    summary: "Stream: offline. Ready.",
    current_scene: "Intro",
    scenes: ["Intro", "Game"],
    channel: "me",
  });
});

test("what the service finds wrong is a problem with its remedy", () => {
  const verdict = judge(withCheck({ name: "pause", outcome: "failed", message: "paused", fix: "Press it." }), tools, {});
  assert.deepEqual([verdict.ready, verdict.problems], [false, ["paused. Press it."]]);
  assert.equal(verdict.summary, "Stream: offline. Not ready.");
});

test("whatever is wrong with Twitch warns and keeps nothing from starting", () => {
  const check = { name: "twitch_scopes", outcome: "failed", message: "the token lacks clips:edit, which create_clip needs", fix: "Connect." };
  const verdict = judge(withCheck(check), tools, {});
  assert.equal(verdict.ready, true);
  assert.deepEqual(verdict.warnings, ["the token lacks clips:edit, which create_clip needs. Connect."]);
});

for (const [state, ready, words] of [
  ["live", true, /^Stream: on air already\.$/],
  ["reconnecting", true, /^Stream: on air, but OBS lost the connection/],
  ["starting", false, /^Stream: a start is under way: do not start another\.$/],
  ["stopping", false, /wait until it is offline\.$/],
  ["unknown", false, /ask the user to look at OBS\.$/],
]) {
  test(`of a stream that is ${state} the check says what that means for a start`, () => {
    const status = good();
    status.obs.stream = { ...stream, state };
    const verdict = judge(status, tools, {});
    assert.equal(verdict.ready, ready);
    assert.match(verdict.summary, words);
    assert.doesNotMatch(verdict.summary, /Ready\./);
  });
}

test("an unknown scene is a problem that lists the scenes", () => {
  const verdict = judge(good(), tools, { obs_scene: "Gaem" });
  assert.equal(verdict.ready, false);
  assert.deepEqual(verdict.problems, ['There is no scene "Gaem"; scenes: Intro, Game.']);
  assert.equal(judge(good(), tools, { obs_scene: "Game" }).ready, true);
});

test("a start that is switched off is a problem, another action a warning, one that is asked for too", () => {
  const off = (name) => judge(good(), [{ name, enabled: false, policy: "off" }], {});
  assert.equal(off("twitch.start_stream").ready, false);
  assert.equal(off("twitch.create_clip").ready, true);
  assert.equal(off("twitch.create_clip").warnings.length, 1);
  const asked = judge(good(), [{ name: "twitch.start_stream", enabled: true, policy: "ask" }], {});
  assert.deepEqual([asked.ready, asked.warnings], [true, ["The streamer is asked in OBS before: twitch.start_stream."]]);
});

const names = ["twitch.start_stream", "twitch.raid", "twitch.create_clip"];
const listed = (off) => ({ body: { ok: true, tools: names.map((name) => ({ name, enabled: !off.includes(name) })) } });

test("what is off until somebody switches it on is no warning", async (t) => {
  let off = ["twitch.raid"];
  const answers = ({ path }) => (path === "/tools" ? listed(off) : { body: { ok: true, ...good() } });
  const service = await Service.start(t, answers, { lists: true });
  const gateway = gatewayFor(t, service);
  assert.equal((await gateway.call("twitch_pre_show_check")).warnings, undefined);
  off = ["twitch.raid", "twitch.create_clip"];
  const { warnings } = await gateway.call("twitch_pre_show_check");
  assert.deepEqual(warnings, ["Switched off by the streamer: twitch.create_clip."]);
});

test("an action that is off is not shown, and is shown after it was switched on", async (t) => {
  let off = ["twitch.raid", "twitch.create_clip"];
  const answers = ({ path }) => (path === "/tools" ? listed(off) : { body: { ok: true, ...good() } });
  const service = await Service.start(t, answers, { lists: true });
  const gateway = gatewayFor(t, service);
  const before = gateway.shown();
  assert.ok(before.includes("twitch_create_clip") && !before.includes("twitch_raid"), "not known yet: what is on at first");
  await gateway.call("twitch_pre_show_check");
  const shown = gateway.shown();
  assert.deepEqual(shown, ["twitch_pre_show_check", "twitch_channel", "twitch_events", "twitch_start_stream", "twitch_job_status"]);
  off = [];
  await gateway.call("twitch_pre_show_check");
  assert.ok(gateway.shown().includes("twitch_raid"));
});

test("the tool reads status and tools and changes nothing", async (t) => {
  const answers = ({ path }) => ({ body: path === "/tools" ? { ok: true, tools } : { ok: true, ...good() } });
  const service = await Service.start(t, answers, { lists: true });
  const result = await gatewayFor(t, service).call("twitch_pre_show_check", { obs_scene: "Intro" });
  assert.deepEqual([result.ok, result.ready, result.scenes], [true, true, ["Intro", "Game"]]);
  assert.deepEqual(new Set(service.requests.map(({ path }) => path)), new Set(["/status?check=1", "/tools"]));
  assert.ok(service.requests.every(({ method }) => method === "GET"));
});
