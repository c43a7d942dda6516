// Waiting for a job by long poll.

import * as failures from "./failures.js";

// A poll is answered at once when the job ends. Progress shows only between polls, so who wants it polls often.
const POLL_S = 25;
const PROGRESS_POLL_S = 2;
const RECONNECT_S = 5;
const MIN_POLL_S = 0.25;

/** Whether a look at a job that failed so is the last: the service has no such job, for this token. */
export const isGone = (failure) => failure.code === "job_not_found";

export const hasEnded = (job) => job.status === "done" || job.status === "failed";

/** One look at a job, held by the service up to `waitS`. Gives {job} or {failure}. */
export async function readJob(client, jobId, { waitS = 0, signal } = {}) {
  const path = `/tools/jobs/${encodeURIComponent(jobId)}?wait=${waitS}`;
  const answer = await client.get(path, { signal, waitS, doing: `job ${jobId} was running`, part: "job" });
  return answer.body ? { job: answer.body.job } : answer;
}

/**
 * Follow a job to its end, for `limitS` at most. `onProgress(job)` is called for each new state or progress.
 * Reading is repeated over a short gap (a script reload); a longer one means OBS is gone.
 * Gives {job} (not ended if the time was up) or {failure}.
 */
export async function followJob(client, jobId, { limitS, signal, onProgress }) {
  const pollS = onProgress ? PROGRESS_POLL_S : POLL_S;
  const endsAt = performance.now() + limitS * 1000;
  let shown = "";
  let gapSince = null;
  let last = null;
  for (;;) {
    const startedAt = performance.now();
    const waitS = Math.max(0, Math.min(pollS, Math.floor((endsAt - startedAt) / 1000)));
    const { job, failure, answered } = await readJob(client, jobId, { waitS, signal });
    if (failure) {
      if (signal?.aborted) {
        return { failure: failures.cancelled() };
      }
      gapSince ??= performance.now();
      if (!isGap(failure, answered) || performance.now() - gapSince > RECONNECT_S * 1000) {
        return { failure: told(failure, answered, jobId) };
      }
    } else {
      gapSince = null;
      last = job;
      const now = `${job.status} ${job.progress.percent} ${job.progress.message}`;
      if (now !== shown) {
        shown = now;
        onProgress?.(job);
      }
      if (hasEnded(job)) {
        return { job };
      }
    }
    if (performance.now() >= endsAt) {
      return last ? { job: last } : { failure: told(failure, answered, jobId) };
    }
    if (performance.now() - startedAt < MIN_POLL_S * 1000) {
      // An early answer without an end (the service stops, or is away) must not become a busy loop.
      await client.sleep(MIN_POLL_S, signal).catch(() => {});
    }
  }
}

// That OBS is away says nothing of a job that was accepted, least of all that nothing was done.
function told(failure, answered, jobId) {
  return answered || !isGap(failure) ? failure : failures.serviceLost(`job ${jobId} was running`);
}

function isGap(failure, answered = false) {
  return answered ? failure.retryable : ["service_down", "service_lost"].includes(failure.code);
}
