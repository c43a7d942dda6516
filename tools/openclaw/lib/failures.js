// What can go wrong before or instead of an answer of the service. Same shape as the service's own errors:
// {code, message, hint, retryable, details}. `retryable`: nothing has happened, the same call may work later.

const NOT_CONNECTED = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
]);

const ASK_TO_START_OBS =
  "Ask the user to start OBS with the twitch-clawcraft script (or to check the plugin's 'baseUrl'), then call the tool again";

export function notConfigured(problem) {
  return failure(
    "not_configured",
    `The twitch-clawcraft plugin cannot call OBS: ${problem}.`,
    "Nothing was sent. Ask the user to start OBS with the script once and then to run `openclaw secrets reload`, or to " +
      "set plugins.entries.twitch-clawcraft.config. Do not look for the token yourself.",
  );
}

export function serviceDown(baseUrl, stopsIt = false) {
  return failure(
    "service_down",
    `OBS is not running or the script is not loaded: nothing answers at ${baseUrl}.`,
    `Nothing was done. ${stopsIt ? "A stream may still run: ask the user to stop it in OBS" : ASK_TO_START_OBS}. Other work can go on.`,
    true,
  );
}

export function serviceLost(what) {
  return failure(
    "service_lost",
    `The connection to OBS broke while ${what}: OBS was closed or crashed, or the script was unloaded.`,
    "It is not known how far it came. If OBS is gone, the stream is off air. Once OBS runs again, " +
      "twitch_pre_show_check tells the state; nothing is resumed by itself. Other work can go on.",
  );
}

export function serviceSilent(seconds) {
  return failure(
    "service_timeout",
    `OBS did not answer within ${seconds} s.`,
    "It is not known whether the call took effect: check with twitch_pre_show_check before calling again.",
  );
}

export function unexpectedAnswer(baseUrl, status) {
  return failure(
    "unexpected_answer",
    `What answers at ${baseUrl} is not the twitch-clawcraft service (HTTP ${status}).`,
    "Ask the user to check the plugin's 'baseUrl' and whether another program uses that port.",
  );
}

export function cancelled() {
  return failure("cancelled", "The call was cancelled before the outcome was known.", "");
}

export function confirmationMissing(tool) {
  return failure(
    "confirmation_required",
    `${tool} needs a person's approval, and this call came without one. Nothing was done.`,
    "Tell the user that the plugin is set to ask first and that this way of calling the tool cannot ask.",
  );
}

export function noJob() {
  return failure("job_not_found", "There is no job of this conversation.", "twitch_pre_show_check tells what is on air.");
}

export function internal(error) {
  return failure(
    "plugin_error",
    `The twitch-clawcraft plugin failed: ${error instanceof Error ? error.message : String(error)}`,
    "This is a defect in the plugin: tell the user.",
  );
}

// What the service tells whoever speaks HTTP with it, as the one next step of an agent that has only tools.
const SPEAKS_HTTP = /GET \/|HTTP|Authorization|X-Tool|Retry-After|agent_id/;
const HINTS = {
  agent_mismatch: "Ask the user to set 'agentId' in the plugin's configuration to details.agent_id.",
  busy: "Wait a minute, then call once more.",
  invalid_request: "Correct the arguments named in details.",
  invalid_signature: "Ask the user to correct the plugin's 'signatureSecret', or the clock of its machine.",
  job_not_found: "Leave job_id out for the newest job, or use the one that the start or stop returned.",
  rate_limited: "Wait retry_after_s seconds, then call once more.",
  unauthorized:
    "The plugin's token is not the service's. Ask the user to run `openclaw secrets reload`, or to correct the plugin's " +
    "'token'. Do not look for it yourself.",
};

/** An error of the service as an agent with tools can follow it. */
export function forAgent(error) {
  const { code, hint = "" } = error;
  const plain = SPEAKS_HTTP.test(hint) ? (HINTS[code] ?? hint) : hint;
  return { ...error, hint: plain.replace(/,? (with|as) (a new|the same) request_id,?/g, "") };
}

/** The failure for a request that `fetch` could not finish. */
export function fromNetwork(error, { baseUrl, signal, timeoutS, doing, stopsIt }) {
  if (signal?.aborted) {
    return cancelled();
  }
  if (error?.name === "TimeoutError") {
    return serviceSilent(timeoutS);
  }
  // fetch says only "fetch failed"; the system's own code is in the cause, or in each of its causes.
  const codes = [error?.cause?.code, ...(error?.cause?.errors ?? []).map((one) => one?.code)];
  return codes.some((code) => NOT_CONNECTED.has(code)) ? serviceDown(baseUrl, stopsIt) : serviceLost(doing);
}

function failure(code, message, hint, retryable = false) {
  return { code, message, hint, retryable, details: {} };
}
