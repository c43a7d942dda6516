// The ids the service is sent, made from OpenClaw's own: the same input always gives the same id.

import { createHash, randomUUID } from "node:crypto";

const REQUEST_ID_MAX = 200;
const AGENT_ID_MAX = 120;
const TEXT_ID_MAX = 200;

/**
 * The id of a tool call as `request_id`. Some models number their calls anew in each run (`call_1`, `name:0`), and a
 * number met again would be answered with the old job, so the run id goes with it.
 */
export function requestId(toolCallId, runId) {
  if (!toolCallId) {
    return randomUUID();
  }
  return plain(runId ? `${toolCallId}:${runId}` : toolCallId, REQUEST_ID_MAX);
}

/** OpenClaw's agent id; the service wants at least two characters. */
export function agentId(id) {
  const text = plain(id || "openclaw", AGENT_ID_MAX);
  return text.length < 2 ? `agent:${text}` : text;
}

/** A mission or correlation id, undefined where there is none. */
export function textId(id) {
  if (!id) {
    return undefined;
  }
  return fitted(id, id.replace(/[\u0000-\u001f\u007f-\u009f]/g, "_"), TEXT_ID_MAX);
}

function plain(id, max) {
  return fitted(id, id.replace(/[^A-Za-z0-9._:-]/g, "_"), max);
}

// What had to be changed gets a digest of the original: two different ids stay different.
function fitted(original, text, max) {
  if (text === original && text.length <= max) {
    return text;
  }
  const digest = createHash("sha256").update(original, "utf8").digest("hex").slice(0, 16);
  return `${text.slice(0, max - digest.length - 1)}:${digest}`;
}
