import assert from "node:assert/strict";
import { test } from "node:test";

import { forAgent, serviceDown } from "../lib/failures.js";
import { gatewayFor } from "./plugin.js";
import { refusal, Service } from "./service.js";

const hint = (code, said) => forAgent({ code, hint: said }).hint;

test("a hint for whoever speaks HTTP becomes one for an agent that has only tools", async (t) => {
  const service = await Service.start(t, () => refusal(401, "unauthorized", { hint: "Send 'Authorization: Bearer <token>'" }));
  const result = await gatewayFor(t, service).call("twitch_set_title", { title: "Hi" });
  assert.match(result.hint, /openclaw secrets reload/);
  assert.match(result.hint, /Do not look for it yourself/);
});

test("a hint that an agent can follow stays, without the ids it never sees", () => {
  assert.equal(hint("unauthorized", "Ask the streamer for another token."), "Ask the streamer for another token.");
  assert.equal(hint("interrupted", "Do it again, with a new request_id, only if wanted."), "Do it again only if wanted.");
  assert.equal(hint("stream_connect_failed", "Check it, then start again with a new request_id."), "Check it, then start again.");
});

test("a service that is down may still stream when it was to stop", () => {
  assert.match(serviceDown("http://x", true).hint, /A stream may still run: ask the user to stop it in OBS/);
  assert.match(serviceDown("http://x").hint, /Ask the user to start OBS/);
});
