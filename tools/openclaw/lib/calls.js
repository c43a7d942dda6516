// Which run a tool call belongs to, and whether a person approved it: what OpenClaw tells only before the call.

const KEPT = 500;

export class Calls {
  #byId = new Map();

  /** Note what is known of a call; later notes add to earlier ones. */
  note(toolCallId, facts) {
    if (!toolCallId) {
      return;
    }
    const known = this.#byId.get(toolCallId);
    this.#byId.delete(toolCallId);
    this.#byId.set(toolCallId, { ...known, ...facts });
    if (this.#byId.size > KEPT) {
      this.#byId.delete(this.#byId.keys().next().value);
    }
  }

  /** The facts of a call that starts now. They count once: an approval is for one call. */
  take(toolCallId) {
    const facts = this.#byId.get(toolCallId) ?? {};
    this.#byId.delete(toolCallId);
    return facts;
  }
}
