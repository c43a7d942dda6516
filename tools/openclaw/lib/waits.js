// Which jobs a tool call waits for. It tells their end itself, so no watcher of this process may.

import { shared } from "./shared.js";

/** What `wait()` resolves to; the job counts as waited for until then. */
export async function waitFor(jobId, wait) {
  shared.waits.set(jobId, (shared.waits.get(jobId) ?? 0) + 1);
  try {
    return await wait();
  } finally {
    const others = shared.waits.get(jobId) - 1;
    if (others > 0) {
      shared.waits.set(jobId, others);
    } else {
      shared.waits.delete(jobId);
    }
  }
}

export const isWaitedFor = (jobId) => shared.waits.has(jobId);
