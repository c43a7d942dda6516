// The bar: on air or not, since when, which scene, what viewers see; and the pause.

import { $, at, clock, say } from "./dom.js";
import { Standing } from "./notice.js";

const PICTURE_MS = 5000;
const WORDS = { offline: "Offline", unknown: "Not known", starting: "Starting", stopping: "Stopping" };

export class Live {
  #change;
  #since = null; // of performance.now()
  #state = null;
  #figures = {};
  #label = new Standing();
  #onTheirWay = Promise.resolve();
  #picture = 0;

  constructor(change) {
    this.#change = change;
    $("pause").addEventListener("click", () => this.#toggle());
    setInterval(() => this.#tick(), 250);
    const image = $("picture").querySelector("img");
    image.addEventListener("load", () => { $("picture").hidden = !this.#state?.picture; });
    image.addEventListener("error", () => { $("picture").hidden = true; });
  }

  show(state) {
    this.#state = state;
    const { stream, obs } = state;
    $("live-dot").className = `dot ${stream.reconnecting ? "warn" : stream.live ? "live" : ""}`;
    $("pause").setAttribute("aria-pressed", String(state.paused));
    say($("pause"), state.paused ? "Let agents go on" : "Pause agents");
    this.#label.shows(state.paused);
    $("paused").hidden = !state.paused;
    say($("paused"), state.paused ? `Paused by you since ${at(state.paused_since)}: agents can do nothing but stop.` : "");
    if (!state.picture) $("picture").hidden = true;
    this.#tick();
  }

  figures(figures, stream) {
    this.#figures = figures;
    const known = stream.live || stream.reconnecting;
    this.#since = known && figures.uptime_s !== null ? performance.now() - figures.uptime_s * 1000 : null;
  }

  away() {
    this.#since = null;
    $("live-dot").className = "dot";
    say($("live-state"), "Not known");
    say($("live-more"), "");
    document.title = "away · twitch-clawcraft";
    this.#state = null;
  }

  #tick() {
    const state = this.#state;
    if (!state) return;
    const { stream } = state;
    const word = stream.reconnecting ? "Reconnecting" : stream.live ? "Live" : WORDS[stream.state] ?? stream.state;
    const time = this.#since === null ? "" : ` ${clock((performance.now() - this.#since) / 1000)}`;
    say($("live-state"), word + time);
    say($("live-more"), this.#more());
    const asks = state.questions.length ? `(${state.questions.length}) asks · ` : "";
    const title = `${asks}${state.paused ? "paused" : word} · twitch-clawcraft`;
    if (document.title !== title) document.title = title;
    if (state.picture && !document.hidden && performance.now() - this.#picture > PICTURE_MS) {
      this.#picture = performance.now();
      $("picture").querySelector("img").src = `/operator/picture?at=${Date.now()}`;
    }
  }

  #more() {
    const { obs, stream } = this.#state;
    if (!obs.responsive) return "OBS does not answer";
    const { bitrate_kbps: kbps, dropped_frames: dropped } = this.#figures;
    const rate = stream.live && kbps ? ` · ${Math.round(kbps)} kbps` : "";
    const lost = stream.live && dropped ? ` · ${dropped} frames dropped` : "";
    return `${obs.current_scene ?? "no scene"}${rate}${lost}`;
  }

  /** A pause always counts, at once. Letting agents go on does not right behind one: the label turns under the pointer
   * within the time of a double click, also by a hotkey. */
  #toggle() {
    if (!this.#state) return;
    const { paused } = this.#state;
    if (paused && !this.#label.isNoticed) return;
    this.#label.startAnew();
    const ask = () => this.#change("pause", { paused: !paused });
    // Of two requests on their way the later may arrive first: no pause may come behind what ends it.
    this.#onTheirWay = Promise.all([this.#onTheirWay, paused ? this.#onTheirWay.then(ask) : ask()]);
  }
}
