// Which tools an agent is shown: an action that the streamer has switched off would only cost it memory.

const KEPT_MS = 10_000;

export class Offer {
  #client;
  #enabled = null;
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
    this.#refresh();
    return action === undefined || (this.#enabled === null ? atFirst !== "off" : this.#enabled.has(action));
  }

  /** Take what GET /tools said. */
  note(tools) {
    this.#enabled = new Set(tools.filter((tool) => tool.enabled).map((tool) => tool.name));
    this.#readAt = performance.now();
  }

  /** Resolves when no question is under way. */
  async idle() {
    await this.#reading;
  }

  #refresh() {
    if (this.#reading === null && performance.now() - this.#readAt > KEPT_MS) {
      this.#readAt = performance.now();
      this.#reading = this.#read().finally(() => (this.#reading = null));
    }
  }

  async #read() {
    const { body } = await this.#client.get("/tools");
    if (body) {
      this.note(body.tools);
    }
  }
}
