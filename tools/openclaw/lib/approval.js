// Asking a person before the stream starts or ends, through OpenClaw's own approvals. Unanswered means no.

const APPROVAL_TIMEOUT_MS = 5 * 60 * 1000;
const MOST = 512; // that OpenClaw shows
const LEAST = 40; // kept for each argument, however long those before it are
// What decides what viewers see, and where, comes first.
const SHOWN = ["obs_scene", "channel", "title", "game", "game_id", "reason"];
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

// Each quoted on a line of its own: a text with line ends must not pass for another argument. None takes the room of
// those behind it, or a long title would hide what else is asked for.
function describe(toolName, params) {
  const what = toolName === "twitch_start_stream" ? "Viewers will see the stream." : "Viewers will see it end.";
  const names = SHOWN.filter((name) => typeof params?.[name] === "string");
  let room = names.reduce((left, name) => left - `\n${name}: `.length - LEAST, MOST - what.length);
  const said = names.map((name) => {
    const text = quoted(params[name], room + LEAST);
    room += LEAST - text.length;
    return `${name}: ${text}`;
  });
  return [what, ...said].join("\n");
}

// Whole if `most` characters are enough, else with a mark behind the quotes, where no text can put one.
function quoted(text, most) {
  const letters = [...text.slice(0, most)].map(escaped);
  const whole = `"${letters.join("")}"`;
  if (whole.length <= most) {
    return whole;
  }
  let length = '""…'.length;
  const fitting = letters.findIndex((letter) => (length += letter.length) > most);
  return `"${letters.slice(0, fitting).join("")}"…`;
}

const escaped = (letter) =>
  JSON.stringify(letter)
    .slice(1, -1)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (one) => `\\u{${one.codePointAt(0).toString(16)}}`);
