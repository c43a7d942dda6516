import assert from "node:assert/strict";
import { test } from "node:test";

import { agentId, requestId, textId } from "../lib/ids.js";

const LEGAL = /^[A-Za-z0-9._:-]{1,200}$/;

test("OpenClaw's usual ids go through unchanged", () => {
  assert.equal(requestId("call_8fK2"), "call_8fK2");
  assert.equal(requestId("tool_search_code:call_1:twitch_start_stream:1", "9b-1"), "tool_search_code:call_1:twitch_start_stream:1:9b-1");
});

test("the same number in two runs is two requests", () => {
  assert.notEqual(requestId("call_1", "run-a"), requestId("call_1", "run-b"));
});

test("an id the service would refuse becomes a legal one, always the same, different ids staying different", () => {
  const odd = ["functions.start:0 ", "call/1", "call_1\n", "ü", "x".repeat(201), `${"x".repeat(200)}y`, "call/1?", "call_1 "];
  const made = odd.map((id) => requestId(id));
  for (const id of made) {
    assert.match(id, LEGAL);
  }
  assert.equal(new Set(made).size, odd.length);
  assert.deepEqual(odd.map((id) => requestId(id)), made);
});

test("without a tool call id each request has an id of its own", () => {
  assert.match(requestId(undefined), LEGAL);
  assert.notEqual(requestId(undefined), requestId(undefined));
});

test("agent ids have 2 to 120 legal characters", () => {
  for (const id of ["main", "x", undefined, "my agent", "y".repeat(300)]) {
    assert.match(agentId(id), /^[A-Za-z0-9._:-]{2,120}$/);
  }
  assert.equal(agentId("main"), "main");
});

test("mission and correlation ids lose control characters and excess length", () => {
  assert.equal(textId(undefined), undefined);
  assert.equal(textId("agent:main:Grüße"), "agent:main:Grüße");
  assert.match(textId("a\nb"), /^a_b:[0-9a-f]{16}$/);
  assert.equal(textId("z".repeat(500)).length, 200);
});
