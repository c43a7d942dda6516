// Follows jobs that no tool call waits for, and streams that are on air, and wakes the agent when there is news.

import * as failures from "./failures.js";
import { followJob } from "./jobs.js";
import { failed, jobOutcome } from "./results.js";
import { followStream } from "./streamwatch.js";
import { Watches } from "./watches.js";

const JOB_MS = 7 * 24 * 3_600_000; // as long as the service keeps a job
const STREAM_MS = 24 * 3_600_000;

export class JobWatcher {
  #client;
  #wake;
  #stop = new AbortController();
  #watches = new Watches();
  #following = new Set();

  /** @param {(session, text: string, key: string) => void} wake  tells the agent of a session */
  constructor(client, wake) {
    this.#client = client;
    this.#wake = wake;
  }

  /** Go on with what a gateway before this one watched. */
  open(stateDir) {
    const followed = this.#watches;
    this.#watches = new Watches(stateDir);
    for (const [key, watch] of followed.all) {
      this.#watches.put(key, watch);
    }
    for (const [key, watch] of this.#watches.all) {
      if (!followed.has(key)) {
        this.#follow(key, watch);
      }
    }
  }

  /** Follow a job for a session, {sessionKey, agentId, deliveryContext}. False if the agent cannot be woken. */
  watch(jobId, session) {
    return this.#add(`job:${jobId}`, { jobId, untilMs: Date.now() + JOB_MS }, session);
  }

  /** Follow the stream that a start put or found on air. Any other job is none of its business. */
  watchStream(job, session) {
    if (job?.status === "done" && job.action === "twitch.start_stream") {
      const untilMs = Date.now() + STREAM_MS;
      this.#add(`stream:${session.sessionKey}`, { since: job.created_at, untilMs }, session);
    }
  }

  /** Let go of everything, which goes on in OBS; resolves when nothing runs any more. */
  async stop() {
    this.#stop.abort();
    await Promise.all(this.#following);
  }

  #add(key, what, { sessionKey, agentId, deliveryContext }) {
    if (!sessionKey || this.#stop.signal.aborted) {
      return false;
    }
    const isNew = !this.#watches.has(key);
    const watch = { ...what, session: { sessionKey, agentId, deliveryContext } };
    if (!this.#watches.put(key, watch)) {
      return false;
    }
    if (isNew) {
      this.#follow(key, watch);
    }
    return true;
  }

  #follow(key, watch) {
    const following = (watch.jobId ? this.#followJob(key, watch) : this.#followStream(key, watch))
      .catch((error) => this.#giveUp(key, watch, error)) // nobody awaits it: it would be the gateway's own failure
      .finally(() => this.#following.delete(following));
    this.#following.add(following);
  }

  #giveUp(key, { jobId, session }, error) {
    const outcome = failed(failures.internal(error), { job_id: jobId });
    const text = `What you started on Twitch is not followed any more; tell the user. ${JSON.stringify(outcome)}`;
    this.#wake(session, text, `twitch-clawcraft:${key}`);
    this.#watches.delete(key);
  }

  async #followJob(key, { jobId, session, untilMs }) {
    const { signal } = this.#stop;
    const limitS = Math.max(0, (untilMs - Date.now()) / 1000);
    const { job, failure } = await followJob(this.#client, jobId, { limitS, signal });
    if (signal.aborted) {
      return; // kept for the gateway's next life
    }
    // A picture's bytes would fill the agent's memory as text.
    const { data: _picture, ...outcome } = job ? jobOutcome(job) : failed(failure, { job_id: jobId });
    const text = `The Twitch job you started has news; tell the user. ${JSON.stringify(outcome)}`;
    this.#wake(session, text, `twitch-clawcraft:${key}`);
    this.#watches.delete(key);
    this.watchStream(job, session);
  }

  async #followStream(key, { session, untilMs }) {
    const { signal } = this.#stop;
    const tell = (text) => this.#wake(session, `News of the Twitch stream; tell the user. ${text}`, `twitch-clawcraft:${key}`);
    await followStream(this.#client, () => this.#watches.get(key).since, { signal, untilMs, tell });
    if (!signal.aborted) {
      this.#watches.delete(key);
    }
  }
}
