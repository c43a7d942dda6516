// The streamer's last word on each thing they choose, brought to the service. No page needed.

const STALE_MS = 2000;

/** Two changes on their way at once may arrive in either order. So the last word on a thing waits for the one before it
 * to be answered; but one that lets agents do less is also sent at once, and one that lets them do more and had to wait
 * for long counts no more: the streamer may have said something else in OBS meanwhile. */
export class Wishes {
  #last = new Map(); // key → { body, since, early }, until it is answered

  /** What was wished last and is not answered yet. */
  of(key) {
    return this.#last.get(key)?.body;
  }

  /** Resolves when nothing is under way for ``key`` any more, or at once while an earlier call sees to that. */
  async send(key, body, isMore, ask) {
    const before = this.#last.get(key);
    const early = before ? [...before.early, ...(isMore ? [] : [ask(body)])] : [];
    this.#last.set(key, { body, isMore, early, since: performance.now() });
    if (before) return;
    for (let sent = null; this.#last.get(key) !== sent;) {
      const next = this.#last.get(key);
      await Promise.all(next.early);
      if (this.#last.get(key) !== next) continue;
      if (sent && next.isMore && performance.now() - next.since > STALE_MS) break;
      sent = next;
      await ask(next.body);
    }
    this.#last.delete(key);
  }
}
