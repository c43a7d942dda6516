// Waking an agent from inside OpenClaw: an event for its session, and a turn to read it.

import { PLUGIN_ID } from "./plugin-id.js";

/** @returns {(session, text: string, key: string) => void} for JobWatcher */
export function createWake(api) {
  return ({ sessionKey, agentId, deliveryContext }, text, key) => {
    try {
      api.runtime.system.enqueueSystemEvent(text, { sessionKey, agentId, deliveryContext, contextKey: key });
      api.runtime.system.requestHeartbeat({
        // Work in the background that has news: this also wakes agents whose heartbeat is off, and in quiet hours.
        source: "background-task",
        intent: "immediate",
        reason: `${PLUGIN_ID} has news`,
        sessionKey,
        agentId,
      });
    } catch (error) {
      // Nobody awaits this: without a net here, a closing gateway would see an unhandled rejection.
      api.logger?.warn?.(`${PLUGIN_ID}: the agent could not be woken: ${error?.message ?? error}`);
    }
  };
}
