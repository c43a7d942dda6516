// OpenClaw's side of the plugin: registers it and calls its tools and hooks as the gateway does.

import { register } from "../lib/register.js";
import { deferred, TOKEN } from "./service.js";

export const SESSION = { agentId: "main", sessionKey: "agent:main:main", sessionId: "session-1" };

export class Gateway {
  tools = new Map();
  hooks = [];
  events = [];
  heartbeats = [];
  warnings = [];
  #woken = deferred();
  #services = [];

  constructor(t, pluginConfig) {
    register({
      pluginConfig,
      logger: { warn: (text) => this.warnings.push(text) },
      registerTool: (create, { name }) => this.tools.set(name, create),
      registerService: (service) => this.#services.push(service),
      on: (hook, handler, options) => this.hooks.push({ hook, handler, options }),
      runtime: {
        system: {
          enqueueSystemEvent: (text, options) => this.events.push({ text, ...options }),
          requestHeartbeat: (request) => {
            this.heartbeats.push(request);
            this.#woken.resolve();
          },
        },
      },
    });
    t.after(() => this.stop());
  }

  /** As the gateway starts and stops the plugin's services; what the plugin keeps is in `stateDir`. */
  start(stateDir) {
    this.#services.forEach((service) => service.start({ stateDir }));
  }

  stop() {
    return Promise.all(this.#services.map((service) => service.stop({})));
  }

  /** The names of the tools that a session of an agent is shown. */
  shown(session = SESSION) {
    return [...this.tools].filter(([, create]) => create(session)).map(([name]) => name);
  }

  /** What a before_tool_call hook answers. */
  before(toolName, { params = {}, toolCallId = "call_1", runId = "run-1" } = {}) {
    return this.hooks.map(({ handler }) => handler({ toolName, params, toolCallId, runId }, {})).find(Boolean);
  }

  async call(toolName, params = {}, { toolCallId = "call_1", signal, onUpdate, session = SESSION } = {}) {
    const { content } = await this.tools.get(toolName)(session).execute(toolCallId, params, signal, onUpdate);
    return JSON.parse(content[0].text);
  }

  woken() {
    return this.#woken.promise;
  }
}

export const gatewayFor = (t, service, config = {}) => new Gateway(t, { baseUrl: service.url, token: TOKEN, ...config });
