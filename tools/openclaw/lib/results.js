// The results of tools: text for the model. OpenClaw shows a model both the text and the details of a result, so the
// details say only whether it went well: `ok: false` marks a failure.

// Said only where it is not so.
const TRUE_GOES_WITHOUT = new Set(["verified", "confirmed"]);
// Ids of the service and of Twitch that no tool takes, and what follows from another field.
const OF_NO_USE = new Set(["request_id", "broadcaster_id", "attempts", "edit_url"]);

export function toolResult(payload) {
  const { data, ...rest } = payload;
  if (data && payload.media_type?.startsWith("image/")) {
    // A picture for the model to see: as text it would fill its memory.
    const { content, details } = toolResult(rest);
    return { content: [...content, { type: "image", data, mimeType: payload.media_type }], details };
  }
  return { content: [{ type: "text", text: JSON.stringify(payload) }], details: { ok: payload.ok } };
}

/** What the service says, without what an agent has no use for. What is left out is null, empty or goes without saying. */
export function brief(value) {
  if (Array.isArray(value)) {
    return value.map(brief);
  }
  if (value === null || typeof value !== "object") {
    return value;
  }
  const { previous, current, ...others } = value;
  const entries = Object.entries({ ...others, ...changes(previous, current) });
  return Object.fromEntries(entries.filter(([name, one]) => isWorthSaying(name, one)).map(([name, one]) => [name, brief(one)]));
}

function isWorthSaying(name, value) {
  return !(
    value === null ||
    value === undefined ||
    OF_NO_USE.has(name) ||
    (name === "channel" && typeof value === "string") || // always the streamer's own
    (name === "warnings" && value.length === 0) ||
    (TRUE_GOES_WITHOUT.has(name) && value === true)
  );
}

// Of the texts before and after, those that differ; of none that differ, those there are.
function changes(previous, current) {
  if (!previous || !current) {
    return { previous, current };
  }
  const changed = Object.keys(current).filter((name) => JSON.stringify(current[name]) !== JSON.stringify(previous[name]));
  const only = (texts) => Object.fromEntries(changed.map((name) => [name, texts[name]]));
  return changed.length > 0 ? { previous: only(previous), current: only(current) } : { current };
}

/** A failed call as the agent sees it; `more` says where it happened (job_id) or when to come back. */
export function failed(failure, more = {}) {
  const { code, message, hint = "", retryable = false, details = {} } = failure;
  const payload = { ok: false, code, message, hint, retryable, ...more };
  const evidence = brief(details);
  return Object.keys(evidence).length > 0 ? { ...payload, details: evidence } : payload;
}

/** What the streamer has said to a job so far, where they had to be asked. */
export const approvalState = ({ approval }) => (approval ? { approval: approval.state } : {});

/** A job that ended, as the tool that waited for it answers. */
export const jobEnd = (job) => (job.status === "failed" ? failed(job.error) : { ok: true, ...brief(job.result) });

/** A job as the agent sees it when it asks, or is told of it later; ended or not. */
export function jobOutcome(job) {
  const ids = { action: job.action, job_id: job.id, job_status: job.status };
  if (job.status === "failed") {
    return failed(job.error, ids);
  }
  if (job.status === "done") {
    return { ok: true, ...ids, ...brief(job.result) };
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
