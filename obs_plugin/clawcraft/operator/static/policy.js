// What agents may do: each action allowed, asked about or off, for all agents or narrower for one.

import { $, at, capital, h, say } from "./dom.js";
import { Standing } from "./notice.js";
import { Wishes } from "./wishes.js";

const CHOICES = [["allow", "Allow"], ["ask", "Ask first"], ["off", "Off"]];
const ORDER = { allow: 0, ask: 1, off: 2 };

const keyOf = (agent, action) => `${agent} ${action.name}`;

export class PolicyList {
  #change;
  #rows = new Map(); // action → { select, note }
  #state = null;
  #seen = {};
  #agent = "";
  #listed = "";
  #wishes = new Wishes();
  #label = new Standing(); // of the switch

  constructor(change) {
    this.#change = change;
    $("policy-for").addEventListener("change", (event) => {
      this.#agent = event.target.value;
      this.#list();
      this.#draw();
    });
    $("policy-switch").addEventListener("click", () => this.#switch());
  }

  show(state) {
    this.#state = state;
    this.#list();
    const count = (policy) => state.actions.filter((action) => action.policy === policy).length;
    const counts = [["allow", "allowed"], ["ask", "ask"], ["off", "off"]].filter(([policy]) => count(policy));
    say($("policy-summary"), counts.map(([policy, word]) => `${count(policy)} ${word}`).join(" · "));
    this.#draw();
  }

  figures(lastSeen) {
    this.#seen = lastSeen;
  }

  /** The chosen agent stays chosen while it is not there, as when its file cannot be read for a moment: what the streamer
   * chooses next must not count for every agent instead. */
  #list() {
    const names = this.#state.agents.map((agent) => agent.name);
    if (this.#isMissing()) names.push(this.#agent);
    if (this.#listed !== names.join()) {
      this.#listed = names.join();
      $("policy-for").replaceChildren(h("option", { value: "" }, "Every agent"),
        ...names.map((name) => h("option", { value: name }, name)));
    }
    $("policy-for").value = this.#agent;
    $("policy-agent").hidden = !names.length;
  }

  #isMissing() {
    return this.#agent !== "" && !this.#named();
  }

  #named() {
    return this.#state.agents.find((agent) => agent.name === this.#agent);
  }

  /** Also one that may nothing without having been switched off, as an older version left it. */
  #isOff() {
    const { off, policies } = this.#named();
    return off || Object.values(policies).every((policy) => policy === "off");
  }

  /** Off always counts, at once. */
  #switch() {
    const agent = this.#agent, on = this.#isOff();
    if (on && !this.#label.isNoticed) return;
    this.#label.startAnew();
    this.#wishes.send(agent, { agent, on }, on ? 0 : 1, (body) => this.#change("agent", body));
  }

  async #choose(body) {
    const before = this.#state;
    const taken = await this.#change("policy", body);
    if (taken && this.#state === before) this.#note(body); // else the service has told it, or something newer
  }

  /** A policy that was taken counts here at once, not only when the next state comes. */
  #note({ action: name, policy, agent }) {
    const { actions, agents } = this.#state;
    const named = agents.find((each) => each.name === agent);
    if (!agent) actions.find((each) => each.name === name).policy = policy;
    else if (named) named.policies[name] = policy;
  }

  #draw() {
    if (this.#isMissing()) {
      for (const { select } of this.#rows.values()) select.disabled = true;
      $("policy-switch").hidden = true;
      say($("policy-note"), "This agent is not there. Wait until it is back, or choose another.");
      return;
    }
    const agent = this.#named();
    for (const action of this.#state.actions) {
      const { select, note } = this.#rows.get(action.name) ?? this.#make(action);
      const lacks = agent?.only && !agent.only.includes(action.name);
      const own = agent ? agent.policies[action.name] : action.policy;
      const chosen = agent && ORDER[action.policy] > ORDER[own] ? action.policy : own;
      select.value = this.#wishes.of(keyOf(this.#agent, action))?.policy ?? chosen;
      select.className = chosen;
      for (const option of select.options) {
        option.disabled = Boolean(agent) && ORDER[option.value] < ORDER[action.policy];
      }
      const why = lacks ? "not among this agent's actions" : !agent && action.fixed_by ? `set by ${action.fixed_by}` : "";
      select.disabled = Boolean(why || agent?.off);
      say(note, why);
    }
    $("policy-switch").hidden = !agent;
    if (!agent) {
      say($("policy-note"), "");
      return;
    }
    say($("policy-switch"), this.#isOff() ? "Let it act again" : "Switch it off");
    this.#label.shows(`${agent.name} ${agent.off} ${this.#isOff()}`);
    const seen = this.#seen[agent.name] ? `last seen ${at(this.#seen[agent.name])}` : "not seen since OBS started";
    const until = agent.ended ? "its time is over; " : agent.until ? `until ${at(agent.until)}; ` : "";
    const rules = agent.off ? "Switched off: what it may else do waits until you let it act again."
      : "An agent's own rules only narrow what every agent may do.";
    say($("policy-note"), `${until}${seen}. ${rules}`);
  }

  #make(action) {
    const id = `policy-${action.name}`;
    const note = h("small", {});
    const select = h("select", { id }, ...CHOICES.map(([value, label]) => h("option", { value }, label)));
    const row = { select, note };
    select.addEventListener("change", async () => {
      const body = { action: action.name, policy: select.value };
      if (this.#agent) body.agent = this.#agent;
      await this.#wishes.send(keyOf(this.#agent, action), body, ORDER[body.policy], (wish) => this.#choose(wish));
      this.#draw();
    });
    $("policy-list").append(h("li", {}, h("label", { for: id }, capital(action.label), note), select));
    this.#rows.set(action.name, row);
    return row;
  }
}
