// The plugin's configuration, checked. A missing secret is a problem to tell the agent, never a reason to throw:
// OpenClaw hands an unresolved SecretRef through as an object.

export const DEFAULT_BASE_URL = "http://127.0.0.1:3040";

const SENDABLE = /^[\x21-\x7e]+$/;
const AGENT_ID = /^[A-Za-z0-9._:-]{2,120}$/;

/**
 * @param {Record<string, unknown> | undefined} raw  `plugins.entries.<id>.config`, secrets resolved by OpenClaw
 * @returns {Readonly<{baseUrl: string, token: string, signatureSecret: string | null, agentId: string | null,
 *   confirmGoLive: boolean, confirmStop: boolean, jobWaitS: number, requestTimeoutS: number, problem: string | null}>}
 *   `problem` is a sentence, without the text of any secret, if no request can be made
 */
export function readConfig(raw = {}) {
  const problems = [];
  const token = secret("token", raw.token, problems);
  if (raw.token === undefined) {
    problems.push("'token' is not set");
  }
  const signatureSecret = secret("signatureSecret", raw.signatureSecret, problems);
  const agentId = raw.agentId ?? null;
  if (agentId !== null && !(typeof agentId === "string" && AGENT_ID.test(agentId))) {
    problems.push("'agentId' is not the name of an agent: 2 to 120 of A-Z a-z 0-9 . _ : -");
  }
  const baseUrl = address(raw.baseUrl ?? DEFAULT_BASE_URL, problems);
  return Object.freeze({
    baseUrl,
    token,
    signatureSecret: raw.signatureSecret === undefined ? null : signatureSecret,
    agentId,
    confirmGoLive: raw.confirmGoLive === true,
    confirmStop: raw.confirmStop === true,
    jobWaitS: raw.jobWaitS ?? 300,
    requestTimeoutS: raw.requestTimeoutS ?? 40,
    problem: problems.length > 0 ? problems.join("; ") : null,
  });
}

function secret(name, value, problems) {
  if (value === undefined) {
    return "";
  }
  if (typeof value !== "string") {
    problems.push(`the secret for '${name}' could not be resolved`);
    return "";
  }
  const text = value.trim();
  if (!SENDABLE.test(text)) {
    problems.push(`'${name}' is empty or has characters that no secret of the service has`);
    return "";
  }
  return text;
}

function address(value, problems) {
  let url = null;
  try {
    url = new URL(value);
  } catch {
    // told below
  }
  if (url === null || !["http:", "https:"].includes(url.protocol) || url.username || url.search || url.hash) {
    problems.push("'baseUrl' is not an address such as http://127.0.0.1:3040");
    return DEFAULT_BASE_URL;
  }
  return url.href.replace(/\/+$/, "");
}
