// What is watched, on disk: a gateway that restarts goes on where it was. One small file in OpenClaw's state folder,
// readable by its owner only, since a session key can hold a phone number.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const MOST = 50;

export class Watches {
  #path;
  #byKey = new Map();

  /** @param stateDir  OpenClaw's; undefined keeps them in memory only */
  constructor(stateDir) {
    this.#path = stateDir && join(stateDir, "plugin-state", "twitch-clawcraft", "watches.json");
    for (const [key, watch] of this.#stored()) {
      this.#byKey.set(key, watch);
    }
  }

  get all() {
    return [...this.#byKey];
  }

  has(key) {
    return this.#byKey.has(key);
  }

  /** Keep a watch under its key. False if there are too many. */
  put(key, watch) {
    if (!this.#byKey.has(key) && this.#byKey.size >= MOST) {
      return false;
    }
    this.#byKey.set(key, watch);
    this.#store();
    return true;
  }

  get(key) {
    return this.#byKey.get(key);
  }

  delete(key) {
    if (this.#byKey.delete(key)) {
      this.#store();
    }
  }

  #stored() {
    try {
      const stored = JSON.parse(readFileSync(this.#path, "utf8"));
      // The end of a job is told however late, what is on air long after is another stream.
      return stored.filter(([, watch]) => watch.jobId || watch.untilMs > Date.now()).slice(-MOST);
    } catch {
      return []; // none yet, or not ours any more
    }
  }

  #store() {
    if (!this.#path) {
      return;
    }
    try {
      mkdirSync(dirname(this.#path), { recursive: true, mode: 0o700 });
      writeFileSync(`${this.#path}.new`, JSON.stringify(this.all), { mode: 0o600 });
      renameSync(`${this.#path}.new`, this.#path);
    } catch {
      // A full disk: they are watched all the same, until the gateway ends.
    }
  }
}
