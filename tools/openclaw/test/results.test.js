import assert from "node:assert/strict";
import test from "node:test";

import { toolResult } from "../lib/results.js";

test("a picture is for the model to see, and nowhere in the text", () => {
  const result = { status: "taken", width: 2, height: 2, media_type: "image/jpeg", bytes: 3, data: "AAAA" };
  const { content, details } = toolResult({ ok: true, action: "obs.screenshot", result });
  assert.deepEqual(content[1], { type: "image", data: "AAAA", mimeType: "image/jpeg" });
  assert.equal(content.length, 2);
  const { data, ...rest } = result;
  assert.deepEqual(JSON.parse(content[0].text).result, rest);
  assert.ok(!JSON.stringify(details).includes(data));
});

test("a picture that was not kept is told in words", () => {
  const result = { status: "taken", media_type: "image/jpeg", data: null, not_kept: "ask again" };
  const { content } = toolResult({ ok: true, action: "obs.screenshot", result });
  assert.deepEqual(content, [{ type: "text", text: JSON.stringify({ ok: true, action: "obs.screenshot", result }) }]);
});
