// Follows jobs that no tool call waits for, and wakes the agent when they end.

import { followJob } from "./jobs.js";
import { failed, jobOutcome } from "./results.js";

const WATCH_S = 3600;

export class JobWatcher {
  #client;
  #wake;
  #stop = new AbortController();
  #watched = new Map();

  /** @param {(session, text: string, key: string) => void} wake  tells the agent of a session */
  constructor(client, wake) {
    this.#client = client;
    this.#wake = wake;
  }

  /** Follow a job for a session, {sessionKey, agentId, deliveryContext}. False if the agent cannot be woken. */
  watch(jobId, session) {
    if (!session.sessionKey || this.#stop.signal.aborted) {
      return false;
    }
    if (!this.#watched.has(jobId)) {
      this.#watched.set(jobId, this.#follow(jobId, session).finally(() => this.#watched.delete(jobId)));
    }
    return true;
  }

  /** Let go of all jobs, which go on in OBS; resolves when nothing runs any more. */
  async stop() {
    this.#stop.abort();
    await Promise.all(this.#watched.values());
  }

  async #follow(jobId, session) {
    const { signal } = this.#stop;
    const { job, failure } = await followJob(this.#client, jobId, { limitS: WATCH_S, signal });
    if (signal.aborted) {
      return;
    }
    const outcome = job ? jobOutcome(job) : failed(failure, { job_id: jobId });
    const text = `The Twitch job you started has news; tell the user. ${JSON.stringify(outcome)}`;
    this.#wake(session, text, `twitch-clawcraft:job:${jobId}`);
  }
}
