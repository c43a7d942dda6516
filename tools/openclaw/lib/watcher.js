// Follows jobs that no tool call waits for, and streams that are on air, and wakes the agent when there is news.

import * as failures from "./failures.js";
import { followJob, isGone } from "./jobs.js";
import { failed, jobOutcome } from "./results.js";
import { followStream } from "./streamwatch.js";
import { isWaitedFor } from "./waits.js";
import { Watches } from "./watches.js";

const JOB_MS = 7 * 24 * 3_600_000; // as long as the service keeps a job
const STREAM_MS = 24 * 3_600_000;
const FAILED_LOOK_S = 60; // more refused looks than that are an alert

export class JobWatcher {
  #client;
  #wake;
  #stop = new AbortController();
  #stateDir;
  #watches = new Watches();
  #followers = new Map(); // what ends each, by the key of its watch
  #following = new Set();

  /** @param {(session, text: string, key: string) => void} wake  tells the agent of a session */
  constructor(client, wake) {
    this.#client = client;
    this.#wake = wake;
  }

  /** Go on with what a gateway before this one watched. */
  open(stateDir) {
    const followed = this.#watches;
    this.#stateDir = stateDir;
    this.#watches = new Watches(stateDir);
    for (const [key, watch] of followed.all) {
      this.#watches.put(key, watch);
    }
    for (const [key, watch] of this.#watches.all) {
      this.#follow(key, watch);
    }
  }

  /**
   * Keep a job that a call waits for, for the gateway after this one to follow. The call ends that: by `release` once
   * it has told the job's end, else by `watch`.
   */
  hold(jobId, session) {
    this.#endFollower(jobKey(jobId));
    this.#keep(jobKey(jobId), jobWatch(jobId), session);
  }

  /** Let go of a job whose end is told. */
  release(jobId) {
    this.#drop(jobKey(jobId));
  }

  /**
   * Follow a job for a session, {sessionKey, agentId, deliveryContext}. False if the agent cannot be woken. With
   * `failureTold` the agent knows that the job could not be looked at: it is told no more than the outcome.
   */
  watch(jobId, session, { failureTold = false } = {}) {
    return this.#add(jobKey(jobId), { ...jobWatch(jobId), failureTold }, session);
  }

  /**
   * Follow the stream that a start put or found on air, until a stop is done: whatever comes after that, a closed OBS
   * too, is no news of it. Any other job is none of its business.
   */
  watchStream(job, session) {
    if (job?.status !== "done") {
      return;
    }
    if (job.action === "twitch.start_stream") {
      const untilMs = Date.now() + STREAM_MS;
      this.#add(`stream:${session.sessionKey}`, { since: job.created_at, untilMs }, session);
    } else if (job.action === "twitch.stop_stream") {
      this.#dropStreams(job.created_at);
    }
  }

  /** Let go of everything, which goes on in OBS; resolves when nothing runs any more. */
  async stop() {
    this.#stop.abort();
    await Promise.all(this.#following);
  }

  // After the stop it is the file that counts: the next gateway goes on with it, and may have written to it.
  get #kept() {
    return this.#stop.signal.aborted ? new Watches(this.#stateDir) : this.#watches;
  }

  #add(key, what, session) {
    const watch = this.#keep(key, what, session);
    if (watch !== null) {
      this.#follow(key, watch);
    }
    return watch !== null;
  }

  // The watch as it is kept; null if there is nobody to wake, or nothing to keep it in.
  #keep(key, what, { sessionKey, agentId, deliveryContext }) {
    if (!sessionKey || (this.#stop.signal.aborted && !this.#stateDir)) {
      return null;
    }
    const watch = { ...what, session: { sessionKey, agentId, deliveryContext } };
    return this.#kept.put(key, watch) ? watch : null;
  }

  #drop(key) {
    this.#endFollower(key);
    this.#kept.delete(key);
  }

  // There is one stream, whichever session started it. One that was started after the stop is another.
  #dropStreams(stoppedAt) {
    for (const [key, { since }] of this.#kept.all) {
      if (key.startsWith("stream:") && Date.parse(since) <= Date.parse(stoppedAt)) {
        this.#drop(key);
      }
    }
  }

  #endFollower(key) {
    this.#followers.get(key)?.abort();
    this.#followers.delete(key);
  }

  #follow(key, watch) {
    if (this.#stop.signal.aborted || this.#followers.has(key) || isWaitedFor(watch.jobId)) {
      return;
    }
    const end = new AbortController();
    const signal = AbortSignal.any([end.signal, this.#stop.signal]);
    this.#followers.set(key, end);
    const following = (watch.jobId ? this.#followJob(key, watch, signal) : this.#followStream(key, watch, signal))
      // Nobody awaits it: a rejection would be the gateway's own failure.
      .catch((error) => signal.aborted || this.#giveUp(key, watch, error))
      .finally(() => this.#following.delete(following));
    this.#following.add(following);
  }

  #giveUp(key, { jobId, session }, error) {
    const outcome = failed(failures.internal(error), { job_id: jobId });
    const text = `What you started on Twitch is not followed any more; tell the user. ${JSON.stringify(outcome)}`;
    this.#wake(session, text, `twitch-clawcraft:${key}`);
    this.#drop(key);
  }

  async #followJob(key, watch, signal) {
    const { job, failure } = await this.#outcome(key, watch, signal);
    if (signal.aborted) {
      return; // kept for the gateway's next life, or told by who ended it
    }
    if (job || isGone(failure) || !this.#watches.get(key).failureTold) {
      this.#tellOfJob(key, watch, job ? jobOutcome(job) : failed(failure, { job_id: watch.jobId }));
    }
    this.#drop(key);
    this.watchStream(job, watch.session);
  }

  // {job} or {failure}, as of followJob. A look that failed says nothing of the job: it is told once, and the end still
  // to come.
  async #outcome(key, watch, signal) {
    for (;;) {
      const limitS = Math.max(0, (watch.untilMs - Date.now()) / 1000);
      const { job, failure } = await followJob(this.#client, watch.jobId, { limitS, signal });
      if (job || isGone(failure) || Date.now() >= watch.untilMs || signal.aborted) {
        return { job, failure };
      }
      if (!this.#watches.get(key).failureTold) {
        this.#watches.put(key, { ...watch, failureTold: true });
        const note = "You will be told once the job's outcome is known.";
        this.#tellOfJob(key, watch, failed(failure, { job_id: watch.jobId, note }));
      }
      await this.#client.sleep(FAILED_LOOK_S, signal).catch(() => {});
    }
  }

  // A picture's bytes would fill the agent's memory as text.
  #tellOfJob(key, { session }, { data: _picture, ...outcome }) {
    const text = `The Twitch job you started has news; tell the user. ${JSON.stringify(outcome)}`;
    this.#wake(session, text, `twitch-clawcraft:${key}`);
  }

  async #followStream(key, { session, untilMs }, signal) {
    const tell = (text) => this.#wake(session, `News of the Twitch stream; tell the user. ${text}`, `twitch-clawcraft:${key}`);
    await followStream(this.#client, () => this.#watches.get(key).since, { signal, untilMs, tell });
    if (!signal.aborted) {
      this.#drop(key);
    }
  }
}

const jobKey = (jobId) => `job:${jobId}`;
const jobWatch = (jobId) => ({ jobId, untilMs: Date.now() + JOB_MS });
