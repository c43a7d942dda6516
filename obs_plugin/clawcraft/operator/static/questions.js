// What waits for the streamer: each question with its arguments whole, the answers, and the countdown after a yes.

import { $, args, capital, h, say } from "./dom.js";
import { Standing } from "./notice.js";

export class Questions {
  #change;
  #remaining = {};
  #cards = new Map(); // job id → { state, card, choices, left, bar, count, total, endsAt, standing }

  constructor(change) {
    this.#change = change;
    setInterval(() => this.#tick(), 100);
  }

  show(questions) {
    const region = $("questions");
    const hadFocus = region.contains(document.activeElement);
    const keep = new Set(questions.map((question) => question.job_id));
    for (const [id, { card }] of this.#cards) {
      if (keep.has(id)) continue;
      card.remove();
      this.#cards.delete(id);
    }
    questions.forEach((question, place) => {
      const known = this.#cards.get(question.job_id);
      if (known && known.state === question.state) {
        known.card.classList.toggle("behind", place > 0);
        return;
      }
      const made = this.#make(question);
      made.card.classList.toggle("behind", place > 0);
      if (known) known.card.replaceWith(made.card);
      else region.append(made.card);
      this.#cards.set(question.job_id, made);
      const says = question.state === "counting"
        ? `Allowed. ${capital(question.label)} in ${Math.ceil(question.total_s)} seconds.`
        : `${question.agent_id} wants to ${question.label}.`;
      say($("announcer"), says);
    });
    if (!questions.length) say($("announcer"), "");
    if (hadFocus && !region.contains(document.activeElement)) {
      // Not onto a button: a key that was meant for the question before must do nothing here.
      (region.querySelector("h2") ?? region).focus();
    }
    this.#tick();
  }

  figures(remaining) {
    for (const [id, card] of this.#cards) this.#due(card, remaining[id]);
    this.#remaining = remaining;
  }

  #due(card, remainingS) {
    if (remainingS !== undefined) card.endsAt = performance.now() + remainingS * 1000;
  }

  /** Whether a card has been where it is for long enough: one above it that goes or shrinks moves it. */
  #isNoticed(made) {
    made.standing.shows(made.card.offsetTop);
    return made.standing.isNoticed;
  }

  #make(question) {
    const counting = question.state === "counting";
    const id = question.job_id;
    const list = h("dl", { class: "args" });
    args(list, question.args);
    const left = h("span", {});
    const count = counting ? h("span", { class: "count", "aria-hidden": "true" }) : null;
    const bar = h("progress", { max: "1", value: "1", "aria-label": "Time left" });
    const choices = h("div", { class: "choices" });
    let answered = false; // not "disabled": that would take the focus away
    const answer = (word) => async () => {
      if (answered || (word !== "deny" && !this.#isNoticed(made))) return;
      answered = true;
      answered = await this.#change("answer", { job_id: id, answer: word });
    };
    const button = (word, label, classes) => h("button", { type: "button", class: classes, onclick: answer(word) }, label);
    if (counting) {
      choices.append(button("deny", "Stop the countdown", "deny alone"));
    } else {
      choices.append(button("deny", "Deny", "deny"), button("allow", "Allow", "allow"));
      if (question.for_show) choices.append(button("allow_for_show", "Allow for the rest of the show", "wide"));
      for (const yes of [...choices.children].slice(1)) yes.disabled = true;
    }
    const heading = h("h2", { tabindex: "-1", id: `question-${id}` },
      counting ? `Allowed: ${question.label}` : `${capital(question.label)}?`);
    const card = h("article", { class: `question ${counting ? "counting" : ""}`, "aria-labelledby": `question-${id}` },
      h("p", { class: "who" }, question.agent_id), heading, list,
      h("div", { class: "left" }, count, left, bar), choices);
    const made = { state: question.state, card, choices, left, bar, count, total: question.total_s, endsAt: null,
      standing: new Standing() };
    this.#due(made, this.#remaining[id]);
    return made;
  }

  #tick() {
    for (const made of this.#cards.values()) {
      const { state, choices, left, bar, count, total, endsAt } = made;
      if (this.#isNoticed(made)) for (const button of choices.children) button.disabled = false;
      const remaining = endsAt === null ? total : Math.max(0, (endsAt - performance.now()) / 1000);
      bar.value = total ? remaining / total : 0;
      if (count) say(count, String(Math.ceil(remaining)));
      say(left, state === "counting" ? "until it begins" : `${Math.ceil(remaining)} s, then it is a no`);
    }
  }
}
