// Asking a person before the stream starts or ends, through OpenClaw's own approvals. Unanswered means no.

const APPROVAL_TIMEOUT_MS = 5 * 60 * 1000;
const LONGEST = 160; // of all arguments that the service takes
const MOST = 512; // that OpenClaw shows
const TITLES = { twitch_start_stream: "Go live on Twitch", twitch_stop_stream: "End the Twitch stream" };

/** The names of the tools that ask first. */
export function askFirst(config) {
  const names = new Set();
  if (config.confirmGoLive) {
    names.add("twitch_start_stream");
  }
  if (config.confirmStop) {
    names.add("twitch_stop_stream");
  }
  return names;
}

/** The `requireApproval` of a before_tool_call hook; `onAllowed` is called if a person says yes. */
export function approvalRequest(toolName, params, onAllowed) {
  return {
    title: TITLES[toolName],
    description: describe(toolName, params),
    severity: "warning",
    allowedDecisions: ["allow-once", "deny"],
    timeoutMs: APPROVAL_TIMEOUT_MS,
    onResolution: (decision) => {
      if (decision === "allow-once") {
        onAllowed();
      }
    },
  };
}

// Whole, and each quoted on a line of its own: a text with line ends must not pass for another argument.
function describe(toolName, params) {
  const said = ["title", "game", "game_id", "obs_scene", "reason", "channel"]
    .filter((name) => typeof params?.[name] === "string")
    .map((name) => `${name}: ${quoted(params[name])}`);
  const what = toolName === "twitch_start_stream" ? "Viewers will see the stream" : "Viewers will see it end";
  return [`${what}.`, ...said].join("\n").slice(0, MOST);
}

const quoted = (text) =>
  JSON.stringify(text.slice(0, LONGEST)).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (letter) => `\\u{${letter.codePointAt(0).toString(16)}}`,
  );
