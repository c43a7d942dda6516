// Which tools an agent is shown: an action that the streamer has switched off would only cost it memory.

import { shared } from "./shared.js";

const KEPT_MS = 10_000;

export class Offer {
  #client;
  #readAt = -Infinity;
  #reading = null;

  constructor(client) {
    this.#client = client;
  }

  /**
   * Whether to show the tool of an entry of tools.json. OpenClaw wants the answer at once, so it is the service's last
   * one, and asking shortly before a turn brings the next turn's. Until the service has answered, what is on at first.
   */
  has({ action, atFirst }) {
    this.refresh();
    const enabled = shared.enabled.get(this.#client.config.baseUrl);
    return action === undefined || (enabled ? enabled.has(action) : atFirst !== "off");
  }

  /** Take what GET /tools said. */
  note(tools) {
    const enabled = tools.filter((tool) => tool.enabled).map((tool) => tool.name);
    shared.enabled.set(this.#client.config.baseUrl, new Set(enabled));
    this.#readAt = performance.now();
  }

  /** Ask, unless that was done a moment ago. */
  refresh() {
    if (this.#reading === null && performance.now() - this.#readAt > KEPT_MS) {
      this.#readAt = performance.now();
      this.#reading = this.#read()
        .catch(() => {}) // nobody awaits it: it would be the gateway's own failure
        .finally(() => (this.#reading = null));
    }
  }

  /** Resolves when no question is under way. */
  async idle() {
    await this.#reading;
  }

  async #read() {
    const { body } = await this.#client.get("/tools", { part: "tools" });
    if (body) {
      this.note(body.tools);
    }
  }
}
