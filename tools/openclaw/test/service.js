// A server that answers like the service, from a script: what the plugin sends is kept in `requests`.

import { createServer } from "node:http";
import { once } from "node:events";

export const TOKEN = "test-token-0123456789";

export class Service {
  requests = [];
  /** Whether GET /tools, which the plugin also asks by itself, is for `answers`. */
  lists = false;
  #server = createServer((request, response) => this.#serve(request, response));
  #answers;

  /** @param answers  (request) => {status, body, headers}, a promise of it, or null to break the connection */
  constructor(answers) {
    this.#answers = answers;
  }

  static async start(t, answers, { lists = false } = {}) {
    const service = new Service(answers);
    service.lists = lists;
    service.#server.listen(0, "127.0.0.1");
    await once(service.#server, "listening");
    t.after(() => service.stop());
    return service;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  get posts() {
    return this.requests.filter((request) => request.method === "POST");
  }

  async stop() {
    if (this.#server.listening) {
      this.#server.closeAllConnections();
      this.#server.close();
      await once(this.#server, "close");
    }
  }

  async #serve(request, response) {
    let text = "";
    for await (const chunk of request) {
      text += chunk;
    }
    const seen = { method: request.method, path: request.url, headers: request.headers, text };
    seen.body = text ? JSON.parse(text) : null;
    if (seen.path === "/tools" && !this.lists) {
      response.writeHead(503).end();
      return;
    }
    this.requests.push(seen);
    const answer = await this.#answers(seen, this.requests.length);
    if (answer === null) {
      request.socket.destroy();
      return;
    }
    const { status = 200, body, headers = {} } = answer;
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(typeof body === "string" ? body : JSON.stringify(body));
  }
}

export const error = (code, more = {}) => ({ code, message: `${code} happened`, retryable: false, hint: "do this", details: {}, ...more });

export const refusal = (status, code, { headers, ...more } = {}) => ({
  status,
  headers,
  body: { ok: false, action: null, request_id: null, error: error(code, more) },
});

export const sync = (result) => ({ body: { ok: true, action: "twitch.set_title", result } });

export const accepted = (jobId = "job-1") => ({
  status: 202,
  body: { ok: true, action: "twitch.start_stream", result: { job_id: jobId, status: "queued", progress: progress(0), request_id: "r" } },
});

export const progress = (percent, message = "queued") => ({ percent, message, updated_at: "2026-01-01T00:00:00Z" });

export const job = (status, more = {}) => ({
  body: { ok: true, job: { id: "job-1", action: "twitch.start_stream", status, progress: progress(status === "done" ? 100 : 10, status), ...more } },
});

/** A promise and its two ends, for tests that decide when something happens. */
export function deferred() {
  const ends = {};
  ends.promise = new Promise((resolve, reject) => Object.assign(ends, { resolve, reject }));
  return ends;
}
