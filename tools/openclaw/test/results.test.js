import assert from "node:assert/strict";
import test from "node:test";

import { brief, toolResult } from "../lib/results.js";

test("a picture is for the model to see, and nowhere in the text", () => {
  const result = { status: "taken", width: 2, height: 2, media_type: "image/jpeg", bytes: 3, data: "AAAA" };
  const { content, details } = toolResult({ ok: true, ...result });
  assert.deepEqual(content[1], { type: "image", data: "AAAA", mimeType: "image/jpeg" });
  assert.equal(content.length, 2);
  const { data, ...rest } = result;
  assert.deepEqual(JSON.parse(content[0].text), { ok: true, ...rest });
  assert.ok(!JSON.stringify(details).includes(data));
});

test("a picture that was not kept is told in words", () => {
  const payload = { ok: true, status: "taken", media_type: "image/jpeg", data: null, not_kept: "ask again" };
  assert.deepEqual(toolResult(payload).content, [{ type: "text", text: JSON.stringify(payload) }]);
});

test("an agent is not told what it has no use for", () => {
  const texts = { game: "Chess", game_id: "743", title: "Old" };
  const said = {
    request_id: "r",
    status: "updated",
    channel: "me",
    broadcaster_id: "1",
    verified: true,
    warnings: [],
    reason: null,
    previous: texts,
    current: { ...texts, title: "New" },
  };
  assert.deepEqual(brief(said), { status: "updated", previous: { title: "Old" }, current: { title: "New" } });
  assert.deepEqual(brief({ previous: texts, current: texts }), { current: texts });
});

test("what is wrong is told, however deep", () => {
  const said = { verified: false, warnings: ["x"], channel: { error: { code: "x", details: { status: 0 } } } };
  assert.deepEqual(brief(said), said);
});
