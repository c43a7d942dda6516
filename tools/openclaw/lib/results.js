// The results of tools: text for the model, the same as data for OpenClaw. `ok: false` marks a failure.

export function toolResult(payload) {
  const { data, media_type: mimeType } = payload.result ?? {};
  if (data && mimeType?.startsWith("image/")) {
    // A picture for the model to see: as text it would fill its memory.
    const rest = toolResult({ ...payload, result: { ...payload.result, data: undefined } });
    return { ...rest, content: [...rest.content, { type: "image", data, mimeType }] };
  }
  return { content: [{ type: "text", text: JSON.stringify(payload) }], details: payload };
}

/** A failed call as the agent sees it; `more` says where it happened (action, job_id, request_id). */
export function failed(failure, more = {}) {
  const { code, message, hint = "", retryable = false, details = {} } = failure;
  const payload = { ok: false, code, message, hint, retryable, ...more };
  return Object.keys(details).length > 0 ? { ...payload, details } : payload;
}

/** What the streamer has said to a job so far, where they had to be asked. */
export const approvalState = ({ approval }) => (approval ? { approval: approval.state } : {});

/** A job as the agent sees it, ended or not. */
export function jobOutcome(job) {
  const ids = { action: job.action, job_id: job.id, job_status: job.status };
  if (job.status === "failed") {
    return failed(job.error, ids);
  }
  if (job.status === "done") {
    return { ok: true, ...ids, result: job.result };
  }
  return { ok: true, ...ids, ...approvalState(job), progress: { percent: job.progress.percent, message: job.progress.message } };
}

/** A partial result for OpenClaw's onUpdate: one line on how the job goes. */
export function progressUpdate(job) {
  const text = `${job.action}: ${job.progress.message} (${job.progress.percent} %)`;
  return {
    content: [{ type: "text", text }],
    details: { job_id: job.id, status: job.status, progress: job.progress },
    progress: { text, visibility: "channel", privacy: "public", id: `twitch-clawcraft:${job.id}` },
  };
}
