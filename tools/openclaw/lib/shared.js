// What belongs to the process. OpenClaw loads the plugin more than once in a gateway (for itself, for agents' runs), each
// time with modules of its own, and starts the services of one of them only.

/**
 * `watcher`: of the gateway's own copy, while its service runs. `enabled`: the last known actions, by the address.
 * `waits`: how many tool calls wait for a job, by its id.
 */
export const shared = (globalThis[Symbol.for("twitch-clawcraft")] ??= { watcher: null, enabled: new Map(), waits: new Map() });
