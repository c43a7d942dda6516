// The streamer's last word on each thing they choose, brought to the service. No page needed.

const STALE_MS = 2000;

/** Two changes on their way at once may arrive in either order. So the last word on a thing waits for the one before it
 * to be answered; but one that lets agents do less than that is also sent at once, and one that lets them do more and
 * had to wait for long counts no more: the streamer may have said something else in OBS meanwhile. */
export class Wishes {
  #lines = new Map(); // key → { wish, sent, early }, while something is under way

  /** What was wished last and is not answered yet. */
  of(key) {
    return this.#lines.get(key)?.wish.body;
  }

  /** ``rank`` is higher the less it lets agents do. Resolves when nothing is under way for ``key`` any more, or at once
   * while an earlier call sees to that. */
  async send(key, body, rank, ask) {
    const wish = { body, rank, since: performance.now() };
    const before = this.#lines.get(key);
    if (before) {
      before.wish = wish;
      if (rank > before.sent.rank) before.early.push(ask(body));
      return;
    }
    const line = { wish, sent: null, early: [] };
    this.#lines.set(key, line);
    while (line.sent !== line.wish) {
      if (line.early.length) {
        await Promise.all(line.early.splice(0));
        continue;
      }
      const isStale = performance.now() - line.wish.since > STALE_MS;
      if (line.sent && line.wish.rank < line.sent.rank && isStale) break;
      line.sent = line.wish;
      await ask(line.sent.body);
    }
    this.#lines.delete(key);
  }
}
