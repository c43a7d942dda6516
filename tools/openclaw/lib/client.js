// Speaks the tool API. Never throws for what a network or a service can do: each call gives
// {body, replayed} or {failure}, a failure in the shape of the contract's error object.

import * as failures from "./failures.js";
import { signatureHeaders } from "./signature.js";

const MAX_ATTEMPTS = 4;
const RETRY_BUDGET_S = 30;
const FIRST_DELAY_S = 0.5;
const MAX_ANSWER_CHARS = 4 * 1024 * 1024;
// Parts of answers that are lists of objects; every other part is an object.
const LISTS = new Set(["events", "jobs", "tools"]);
// Signed further ahead of the clock than this, the clock was put back.
const MOST_AHEAD_MS = 60_000;

export class ServiceClient {
  #signedAtMs = 0;

  /**
   * @param config  of readConfig
   * @param {(seconds: number, signal?: AbortSignal) => Promise<void>} sleep  rejects when the signal aborts
   * @param {() => number} nowS  seconds that never go back
   */
  constructor(config, sleep, nowS = () => performance.now() / 1000) {
    this.config = config;
    this.sleep = sleep;
    this.nowS = nowS;
  }

  /**
   * Run an action. Sent again, with the same request_id, only while the service itself says that this is safe
   * (`retryable`), a few times, and only if one more try as long as the last ends within half a minute of the first;
   * `onRetry(failure, delayS)` tells of each. What was sent is not taken back by `signal`, since the job it may have
   * made would then be nobody's: the signal only ends the tries.
   */
  async execute(envelope, { signal, onRetry = () => {} } = {}) {
    const body = JSON.stringify(envelope);
    const startedS = this.nowS();
    for (let attempt = 1; ; attempt += 1) {
      const sentS = this.nowS();
      const answer = await this.#request("POST", "/tools/execute", {
        body,
        doing: `it ran ${envelope.action}`,
        part: "result",
        stopsIt: envelope.action === "twitch.stop_stream",
      });
      if (!answer.failure?.retryable || !answer.answered || attempt === MAX_ATTEMPTS) {
        return answer;
      }
      const delayS = answer.retryAfterS ?? FIRST_DELAY_S * 2 ** (attempt - 1);
      const tookS = this.nowS() - sentS;
      if (this.nowS() - startedS + delayS + tookS > RETRY_BUDGET_S) {
        return answer;
      }
      onRetry(answer.failure, delayS);
      try {
        await this.sleep(delayS, signal);
      } catch {
        return { failure: failures.cancelled() };
      }
    }
  }

  /**
   * One GET; `waitS` is how long the service may hold it. An answer whose body has no such `part` is not the service's:
   * other programs say {"ok": true} too.
   */
  get(path, { signal, waitS = 0, doing = "it was asked", part }) {
    return this.#request("GET", path, { signal, extraS: waitS, doing, part });
  }

  async #request(method, path, { body, signal, extraS = 0, doing, stopsIt, part }) {
    const { baseUrl, token, signatureSecret, problem, requestTimeoutS } = this.config;
    if (problem !== null) {
      return { failure: failures.notConfigured(problem) };
    }
    const headers = { Authorization: `Bearer ${token}`, Accept: "application/json" };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      if (signatureSecret !== null) {
        // Two signatures of one second over the same text would be one, and the second of them a replay.
        const [nowMs, nextMs] = [Date.now(), this.#signedAtMs + 1000];
        this.#signedAtMs = nextMs - nowMs < MOST_AHEAD_MS ? Math.max(nowMs, nextMs) : nowMs;
        Object.assign(headers, signatureHeaders(signatureSecret, body, this.#signedAtMs));
      }
    }
    const timeoutS = requestTimeoutS + extraS;
    const timeout = AbortSignal.timeout(timeoutS * 1000);
    const both = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      const response = await fetch(baseUrl + path, {
        method,
        headers,
        body,
        signal: both,
        // A redirect would carry the token to somebody else.
        redirect: "manual",
      });
      return this.#answer(response, await response.text(), part);
    } catch (error) {
      return { failure: failures.fromNetwork(error, { baseUrl, signal, timeoutS, doing, stopsIt }) };
    }
  }

  #answer(response, text, part) {
    const body = text.length <= MAX_ANSWER_CHARS ? parsed(this.#withoutSecrets(text)) : null;
    if (body?.ok === true && response.ok && hasPart(body, part)) {
      return { body, answered: true, replayed: response.headers.get("Idempotent-Replayed") === "true" };
    }
    if (body?.ok !== false || typeof body.error?.code !== "string") {
      return { failure: failures.unexpectedAnswer(this.config.baseUrl, response.status), answered: true };
    }
    const retryAfterS = seconds(response.headers.get("Retry-After"));
    return { failure: failures.forAgent(body.error), answered: true, retryAfterS };
  }

  // The service never repeats a secret. Should anything else at that address do so, it stops here.
  #withoutSecrets(text) {
    const { token, signatureSecret } = this.config;
    return [token, signatureSecret].filter(Boolean).reduce((clean, one) => clean.replaceAll(one, "***"), text);
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function hasPart(body, part) {
  const value = body[part];
  return LISTS.has(part) ? Array.isArray(value) && value.every(isObject) : isObject(value);
}

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function seconds(header) {
  const value = header === null || header.trim() === "" ? NaN : Number(header);
  return Number.isFinite(value) && value >= 0 ? value : undefined;
}
