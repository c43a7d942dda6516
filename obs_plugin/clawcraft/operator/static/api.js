// Talks to the service. Nothing is kept here but the CSRF token, which every change carries.

const BASE = "/operator/";

/** The service said no. */
export class Refused extends Error {
  constructor(status, error) {
    super(error.message || `status ${status}`);
    this.status = status;
    this.hint = error.hint || "";
  }
}

export class Api {
  #csrf = "";

  /** Whether this page is paired. */
  async open() {
    const session = await this.get("session");
    this.#csrf = session.csrf ?? "";
    return session.paired;
  }

  get(path, parameters = {}, patienceS = 10) {
    const query = new URLSearchParams(parameters).toString();
    return this.#call(query ? `${path}?${query}` : path, { method: "GET" }, patienceS);
  }

  post(path, body = {}) {
    const headers = { "Content-Type": "application/json", "X-Operator-CSRF": this.#csrf };
    return this.#call(path, { method: "POST", headers, body: JSON.stringify(body) }, 10);
  }

  /** A service that hangs is as good as away: after ``patienceS`` this throws too. */
  async #call(path, options, patienceS) {
    const given = new AbortController();
    const timer = setTimeout(() => given.abort(), patienceS * 1000);
    try {
      const answer = await fetch(BASE + path, { ...options, cache: "no-store", signal: given.signal });
      const body = await answer.json();
      if (!answer.ok) throw new Refused(answer.status, body.error || {});
      return body;
    } finally {
      clearTimeout(timer);
    }
  }
}

export const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
