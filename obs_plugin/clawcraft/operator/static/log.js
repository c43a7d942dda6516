// What agents did: a list as long as the audit trail, of which only the rows in view exist.

import { $, args, at, capital, h, say, shown } from "./dom.js";
import { follow, merge, outcomeClass, summary } from "./entries.js";

const ROW_PX = 50;
const PAGE = 200;
const AHEAD_PX = 1500; // so far before the end the next page is asked for
const TYPING_MS = 250;

export class AuditLog {
  #api;
  #entries = []; // newest first
  #byRef = new Map();
  #rows = new Map(); // place → element
  #space = h("div", { class: "log-space", role: "presentation" });
  #oldest = 0;
  #newest = 0;
  #more = true;
  #begun = false;
  #busy = false;
  #stale = false;
  #seen = -1;
  #filter = {};
  #epoch = 0; // of the filter: what was asked with another one is thrown away
  #focus = 0; // the row that Tab reaches
  #unread = 0;

  constructor(api) {
    this.#api = api;
    $("log").append(this.#space);
    $("log").addEventListener("scroll", () => this.#draw(), { passive: true });
    $("log").addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe($("log"));
    $("log-newer").addEventListener("click", () => { $("log").scrollTop = 0; });
    $("log-filter").addEventListener("submit", (event) => event.preventDefault());
    let timer = 0;
    $("log-filter").addEventListener("input", (event) => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#refilter(), event.target.id === "log-text" ? TYPING_MS : 0);
    });
  }

  /** ``count`` is another number when there is something new. */
  look(count, actions) {
    const select = $("log-action");
    if (select.options.length === 1) {
      select.append(...actions.map((action) => h("option", { value: action.name }, capital(action.label))));
    }
    if (count === this.#seen) return;
    this.#seen = count;
    this.#stale = true;
    this.#load();
  }

  #refilter() {
    const wanted = { kind: $("log-kind").value, action: $("log-action").value, text: $("log-text").value.trim() };
    this.#filter = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value));
    this.#epoch += 1;
    this.#entries = [];
    this.#byRef.clear();
    this.#begun = false;
    this.#more = true;
    this.#unread = 0;
    this.#focus = 0;
    $("log").scrollTop = 0;
    this.#clear();
    this.#draw();
    this.#load();
  }

  /** One request at a time: what is new first, then what is older while somebody looks there. */
  async #load() {
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (;;) {
        const epoch = this.#epoch;
        if (!this.#begun) {
          this.#stale = false;
          const page = await this.#api.get("audit", { limit: PAGE, ...this.#filter });
          if (epoch !== this.#epoch) continue;
          this.#begun = true;
          this.#newest = page.newest;
          this.#append(page);
        } else if (this.#stale) {
          this.#stale = false;
          const page = await this.#api.get("audit", { after: this.#newest, limit: PAGE, ...this.#filter });
          if (epoch !== this.#epoch) continue;
          this.#stale ||= page.more;
          this.#prepend(page);
        } else if (this.#more && this.#near()) {
          const page = await this.#api.get("audit", { before: this.#oldest, limit: PAGE, ...this.#filter });
          if (epoch !== this.#epoch) continue;
          this.#append(page);
        } else {
          return;
        }
        this.#draw();
      }
    } catch {
      this.#stale = true; // the next state that comes has it loaded again
      this.#seen = -1;
    } finally {
      this.#busy = false;
    }
  }

  #near() {
    const view = $("log");
    return view.scrollTop + view.clientHeight + AHEAD_PX > this.#entries.length * ROW_PX;
  }

  #append(page) {
    for (const entry of page.entries) {
      this.#entries.push(entry);
      this.#byRef.set(entry.ref, entry);
    }
    this.#oldest = page.oldest;
    this.#more = page.more;
  }

  #prepend(page) {
    this.#newest = page.newest;
    const held = this.#space.contains(document.activeElement) ? this.#entries[this.#focus] : null;
    const fresh = page.entries.filter((entry) => !this.#byRef.has(entry.ref));
    for (const entry of fresh) this.#byRef.set(entry.ref, entry);
    for (const later of page.later) {
      const entry = this.#byRef.get(later.ref);
      if (entry) merge(entry, later);
    }
    this.#entries.unshift(...fresh);
    this.#clear();
    const view = $("log");
    if (fresh.length && view.scrollTop > ROW_PX / 2) {
      // Whoever reads further down goes on reading there.
      this.#unread += fresh.length;
      this.#focus += fresh.length;
      this.#space.style.height = `${this.#entries.length * ROW_PX}px`;
      view.scrollTop += fresh.length * ROW_PX;
    }
    if (held) this.#hold(held);
  }

  /** Whoever is at an entry by keyboard stays there, wherever it has gone. */
  #hold(entry) {
    this.#focus = this.#entries.indexOf(entry);
    this.#draw();
    if (!this.#rows.has(this.#focus)) this.#add(this.#focus);
    this.#rows.get(this.#focus).firstChild.focus({ preventScroll: true });
  }

  #clear() {
    for (const row of this.#rows.values()) row.remove();
    this.#rows.clear();
  }

  #draw() {
    const view = $("log");
    if (view.scrollTop < ROW_PX / 2) this.#unread = 0;
    $("log-newer").hidden = !this.#unread;
    say($("log-newer"), `${this.#unread} new`);
    this.#space.style.height = `${this.#entries.length * ROW_PX}px`;
    const first = Math.max(0, Math.floor(view.scrollTop / ROW_PX) - 4);
    const last = Math.min(this.#entries.length, Math.ceil((view.scrollTop + view.clientHeight) / ROW_PX) + 4);
    const hadFocus = this.#space.contains(document.activeElement);
    for (const [place, row] of this.#rows) {
      const away = place < first || place >= last;
      if (away && !(hadFocus && place === this.#focus)) {
        row.remove();
        this.#rows.delete(place);
      }
    }
    for (let place = first; place < last; place += 1) if (!this.#rows.has(place)) this.#add(place);
    const empty = this.#begun && !this.#entries.length;
    say($("log-note"), !empty ? "" : this.#more ? "Looking further back…" : "Nothing yet.");
    if (this.#begun && this.#more && this.#near()) this.#load();
  }

  #add(place) {
    const entry = this.#entries[place];
    const [what, how, said, came] = summary(entry);
    const button = h("button", { type: "button", tabindex: place === this.#focus ? "0" : "-1",
      onclick: () => this.#open(entry), onfocus: () => this.#focused(place) },
    h("span", { class: "at" }, at(entry.time)), h("span", { class: "what" }, what),
    h("span", { class: `came ${outcomeClass(entry)}` }, came),
    h("span", { class: "said" }, how && h("b", { class: "how" }, how), how && " · ", said));
    const row = h("div", { class: "row", role: "listitem", "aria-posinset": String(place + 1),
      "aria-setsize": this.#more ? "-1" : String(this.#entries.length) }, button);
    row.style.transform = `translateY(${place * ROW_PX}px)`;
    this.#rows.set(place, row);
    this.#space.append(row);
  }

  #focused(place) {
    this.#rows.get(this.#focus)?.firstChild.setAttribute("tabindex", "-1");
    this.#focus = place;
    this.#rows.get(place)?.firstChild.setAttribute("tabindex", "0");
  }

  #key(event) {
    const page = Math.max(1, Math.floor($("log").clientHeight / ROW_PX) - 1);
    const step = follow(event.key, page, this.#focus, this.#entries.length);
    if (step === null) return;
    event.preventDefault();
    const view = $("log");
    const top = step * ROW_PX;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + ROW_PX > view.scrollTop + view.clientHeight) view.scrollTop = top + ROW_PX - view.clientHeight;
    this.#draw();
    this.#rows.get(step)?.firstChild.focus({ preventScroll: true });
  }

  #open(entry) {
    say($("entry-title"), summary(entry)[0]);
    const list = $("entry-list");
    list.replaceChildren();
    const { seq, label, kind, args: given, ref, ...rest } = entry;
    if (given) args(list, given);
    for (const [name, value] of Object.entries(rest)) list.append(h("dt", {}, name), h("dd", {}, shown(value)));
    $("entry").showModal();
  }
}
