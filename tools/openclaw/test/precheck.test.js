import assert from "node:assert/strict";
import { test } from "node:test";

import { judge } from "../lib/precheck.js";
import { gatewayFor } from "./plugin.js";
import { Service } from "./service.js";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const stream = { state: "offline", live: false, reconnecting: false, uptime_s: null };
const good = () => ({
  paused: false,
  queue_length: 0,
  obs: { version: "32.0.0", responsive: true, current_scene: "Intro", scenes: ["Intro", "Game"], stream: { ...stream } },
  twitch: { state: "ok", identity: { login: "me" }, scopes: [], scopes_missing: [], expires_at: null, refreshable: true },
});
const tools = [{ name: "twitch.start_stream", enabled: true }];
const level = (verdict, name) => verdict.checks.find((check) => check.name === name)?.level;

test("a healthy studio is ready", () => {
  const verdict = judge(good(), tools, {}, NOW);
  assert.equal(verdict.ready, true);
  assert.equal(verdict.live, false);
  assert.deepEqual([...new Set(verdict.checks.map((check) => check.level))], ["ok"]);
  assert.equal(verdict.summary, "Stream: offline. Ready.");
});

for (const [name, change, check] of [
  ["a paused agent", (s) => (s.paused = true), "access"],
  ["an OBS that hangs", (s) => (s.obs.responsive = false), "obs"],
]) {
  test(`${name} is not ready`, () => {
    const status = good();
    change(status);
    const verdict = judge(status, tools, {}, NOW);
    assert.equal(verdict.ready, false);
    assert.equal(level(verdict, check), "problem");
  });
}

test("an unknown scene is a problem that lists the scenes", () => {
  const verdict = judge(good(), tools, { obs_scene: "Gaem" }, NOW);
  assert.equal(verdict.ready, false);
  assert.match(verdict.summary, /no scene "Gaem"; scenes: Intro, Game/);
  assert.equal(judge(good(), tools, { obs_scene: "Game" }, NOW).ready, true);
});

test("a start that is switched off is a problem, another action a warning", () => {
  const off = (name) => judge(good(), [{ name, enabled: false }], {}, NOW);
  assert.equal(off("twitch.start_stream").ready, false);
  assert.equal(off("twitch.create_clip").ready, true);
  assert.equal(level(off("twitch.create_clip"), "actions"), "warning");
});

test("what is off until somebody switches it on is no warning", async (t) => {
  const names = ["twitch.start_stream", "twitch.raid", "twitch.create_clip"];
  const listed = (off) => ({ body: { ok: true, tools: names.map((name) => ({ name, enabled: !off.includes(name) })) } });
  let off = ["twitch.raid"];
  const service = await Service.start(t, ({ path }) => (path === "/status" ? { body: { ok: true, ...good() } } : listed(off)));
  const gateway = gatewayFor(t, service);
  assert.equal(level(await gateway.call("twitch_pre_show_check"), "actions"), "ok");
  off = ["twitch.raid", "twitch.create_clip"];
  const { summary } = await gateway.call("twitch_pre_show_check");
  assert.match(summary, /Switched off by the streamer: twitch\.create_clip\./);
});

for (const state of ["not_configured", "revoked", "unreachable", "unchecked"]) {
  test(`Twitch ${state} warns and keeps nothing from starting`, () => {
    const verdict = judge({ ...good(), twitch: { state } }, tools, {}, NOW);
    assert.equal(verdict.ready, true);
    assert.equal(level(verdict, "twitch"), "warning");
  });
}

test("missing scopes are named", () => {
  const status = good();
  status.twitch.scopes_missing = ["clips:edit"];
  assert.match(judge(status, tools, {}, NOW).summary, /clips:edit/);
});

test("a token that ends within the hour warns only if it cannot renew itself", () => {
  const status = good();
  status.twitch.expires_at = "2026-01-01T12:30:00Z";
  assert.equal(level(judge(status, tools, {}, NOW), "token"), undefined);
  status.twitch.refreshable = false;
  assert.match(judge(status, tools, {}, NOW).summary, /30 min/);
});

test("the tool reads status and tools and changes nothing", async (t) => {
  const service = await Service.start(t, ({ path }) =>
    path === "/status" ? { body: { ok: true, ...good() } } : { body: { ok: true, tools } },
  );
  const result = await gatewayFor(t, service).call("twitch_pre_show_check", { obs_scene: "Intro" });
  assert.equal(result.ok, true);
  assert.equal(result.ready, true);
  assert.deepEqual(result.scenes, ["Intro", "Game"]);
  assert.equal(result.channel, "me");
  assert.deepEqual(service.requests.map(({ method, path }) => `${method} ${path}`).sort(), ["GET /status", "GET /tools"]);
});
