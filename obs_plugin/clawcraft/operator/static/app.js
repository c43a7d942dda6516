// The page: pairs, follows the state for as long as it is open, and hands each part what concerns it.

import { Api, Refused, sleep } from "./api.js";
import { AuditLog } from "./log.js";
import { $, capital, say } from "./dom.js";
import { showHealth, showQueue } from "./lists.js";
import { Live } from "./live.js";
import { PolicyList } from "./policy.js";
import { Questions } from "./questions.js";

const WAIT_S = 20;
const WAIT_LIVE_S = 5; // so old are the figures of a running stream at most
const BREATH_MS = 100; // however much happens, between two answers
const BACKOFF_MS = [150, 300, 600, 1000];

const api = new Api();
let paired = () => {};
let problemTimer = 0;

/** Have the service change something, and say why if it does not. */
async function change(path, body) {
  try {
    await api.post(path, body);
    return true;
  } catch (error) {
    const away = error instanceof Refused ? `${capital(error.message)}. ${error.hint}` : "OBS does not answer.";
    say($("problem"), away);
    $("problem").hidden = false;
    clearTimeout(problemTimer);
    problemTimer = setTimeout(() => { $("problem").hidden = true; }, 8000);
    return false;
  }
}

const live = new Live(change);
const questions = new Questions(change);
const policy = new PolicyList(change);
const log = new AuditLog(api);

function show(state) {
  live.show(state);
  questions.show(state.questions);
  policy.show(state);
  showQueue(state.queue);
  showHealth(state.checks);
  log.look(state.audit, state.actions);
  say($("version"), `twitch-clawcraft ${state.version}`);
}

/** Whether the page now shows that OBS is away, and nothing of its state. */
function showAway(failures) {
  const away = failures > 2;
  $("away").hidden = !away;
  document.body.classList.toggle("is-away", away);
  if (away) {
    say($("away"), "OBS is away. Reconnecting…");
    live.away();
  }
  return away;
}

function showPairing() {
  $("page").hidden = true;
  $("pairing").hidden = false;
  document.title = "Pair · twitch-clawcraft";
  $("code").focus();
  return new Promise((resolve) => { paired = resolve; });
}

async function pair(event) {
  event.preventDefault();
  const button = event.target.querySelector("button");
  button.disabled = true;
  try {
    await api.post("pair", { code: $("code").value });
    $("code").value = "";
    say($("pairing-error"), "");
    paired();
  } catch (error) {
    const refused = error instanceof Refused;
    say($("pairing-error"), refused ? `${capital(error.message)}. ${error.hint}` : "OBS does not answer.");
    $("code").select();
    $("code").focus();
  } finally {
    button.disabled = false;
  }
}

async function follow() {
  let tag = "", state = null, version = "", failures = 0, opened = false;
  for (;;) {
    try {
      if (!opened) {
        while (!(await api.open())) await showPairing();
        opened = true;
        $("pairing").hidden = true;
        $("page").hidden = false;
      }
      const wait = tag === "" || failures ? 0 : state.stream.live ? WAIT_LIVE_S : WAIT_S;
      const answer = await api.get("state", { tag, wait }, wait + 10);
      tag = answer.tag;
      state = answer.state || state;
      failures = 0;
      showAway(failures);
      if (version && version !== state.version) location.reload(); // the service was upgraded
      version = state.version;
      live.figures(answer.figures, state.stream);
      questions.figures(answer.figures.remaining_s);
      policy.figures(answer.figures.last_seen);
      if (answer.state) show(state);
      await sleep(BREATH_MS);
    } catch (error) {
      if (error instanceof Refused && error.status === 401) {
        opened = false;
        tag = "";
        showAway(0);
        continue;
      }
      failures += 1;
      if (showAway(failures)) tag = ""; // what is not shown any more is needed whole, changed or not
      await sleep(BACKOFF_MS[Math.min(failures, BACKOFF_MS.length) - 1]);
    }
  }
}

/** A key that is held presses a button once: what the button says may have turned meanwhile. */
function pressOnce(event) {
  if (event.repeat && event.key === "Enter" && event.target instanceof HTMLButtonElement) event.preventDefault();
}

if (matchMedia("(min-width: 820px)").matches) $("policy").open = true;
$("pairing-form").addEventListener("submit", pair);
$("leave").addEventListener("click", () => change("leave"));
document.addEventListener("keydown", pressOnce);
follow();
