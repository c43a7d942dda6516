// Puts the parts together when OpenClaw loads the plugin. OpenClaw loads it anew when its configuration changes.

import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import { approvalRequest } from "./approval.js";
import { Calls } from "./calls.js";
import { ServiceClient } from "./client.js";
import { readConfig } from "./config.js";
import { Offer } from "./offer.js";
import { PLUGIN_ID } from "./plugin-id.js";
import { shared } from "./shared.js";
import { Tools } from "./tools.js";
import { createWake } from "./wake.js";
import { JobWatcher } from "./watcher.js";

export { PLUGIN_ID };

const sleep = (seconds, signal) => delay(seconds * 1000, undefined, { signal });

/** @param api  OpenClaw's plugin API */
export function register(api) {
  const entries = JSON.parse(readFileSync(new URL("../tools.json", import.meta.url), "utf8"));
  const config = readConfig(api.pluginConfig);
  const client = new ServiceClient(config, sleep);
  const watcher = new JobWatcher(client, createWake(api));
  const calls = new Calls();
  const offer = new Offer(client);
  const tools = new Tools(config, client, (last = watcher) => shared.watcher ?? last, calls, offer, entries);

  for (const entry of entries) {
    api.registerTool((session) => (offer.has(entry) ? tools.build(entry, session ?? {}) : null), { name: entry.name });
  }

  const names = entries.map((entry) => entry.name);
  api.on(
    "before_tool_call",
    (event, context) => {
      const { toolName, toolCallId, params } = event;
      if (!names.includes(toolName)) {
        return undefined;
      }
      calls.note(toolCallId, { runId: event.runId ?? context?.runId });
      return tools.askFirst.has(toolName)
        ? { requireApproval: approvalRequest(toolName, params, () => calls.note(toolCallId, { approved: true })) }
        : undefined;
    },
    { matcher: names },
  );

  api.registerService({
    id: `${PLUGIN_ID}-jobs`,
    start: ({ stateDir }) => {
      watcher.open(stateDir);
      shared.watcher = watcher;
      offer.refresh();
    },
    stop: () => {
      shared.watcher = shared.watcher === watcher ? null : shared.watcher;
      return Promise.all([watcher.stop(), offer.idle()]);
    },
  });
}
