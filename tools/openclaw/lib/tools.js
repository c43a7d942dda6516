// The tools, bound to one OpenClaw session. `execute` returns a result whatever happens: a throw would reach the
// agent without code and hint, and could end its turn.

import { askFirst } from "./approval.js";
import * as failures from "./failures.js";
import { agentId, requestId, textId } from "./ids.js";
import { followJob, hasEnded, isGone, readJob } from "./jobs.js";
import { judge } from "./precheck.js";
import { approvalState, brief, failed, jobEnd, jobOutcome, progressUpdate, toolResult } from "./results.js";
import { waitFor } from "./waits.js";

// More would fill a model's memory; the next call goes on behind them.
const EVENTS_AT_ONCE = 50;

export class Tools {
  /**
   * @param config       of readConfig
   * @param client       ServiceClient
   * @param watcher      (last) => JobWatcher, the one that runs now; if none does `last`, or this copy's own
   * @param calls        Calls: run ids and approvals by tool call id
   * @param offer        Offer: which tools are shown
   * @param entries      of tools.json
   */
  constructor(config, client, watcher, calls, offer, entries) {
    this.config = config;
    this.client = client;
    this.watcher = watcher;
    this.calls = calls;
    this.offer = offer;
    this.askFirst = askFirst(config);
    this.offAtFirst = new Set(entries.filter((entry) => entry.atFirst === "off").map((entry) => entry.action));
  }

  /** The OpenClaw tool for an entry of tools.json. `session` is what OpenClaw knows of who calls. */
  build(entry, session) {
    return {
      name: entry.name,
      label: entry.label,
      description: entry.description,
      parameters: entry.parameters,
      execute: async (toolCallId, params, signal, onUpdate) => {
        try {
          return toolResult(await this.#run(entry, session, { toolCallId, params: params ?? {}, signal, onUpdate }));
        } catch (error) {
          return toolResult(failed(failures.internal(error)));
        }
      },
    };
  }

  #run(entry, session, call) {
    const facts = this.calls.take(call.toolCallId);
    if (this.askFirst.has(entry.name) && facts.approved !== true) {
      return failed(failures.confirmationMissing(entry.name));
    }
    switch (entry.name) {
      case "twitch_pre_show_check":
        return this.#preShowCheck(call);
      case "twitch_job_status":
        return this.#jobStatus(session, call);
      case "twitch_channel":
        return this.#read("/channel", "channel", call);
      case "twitch_events":
        return this.#events(call);
      default:
        return this.#action(entry, session, { ...call, runId: facts.runId });
    }
  }

  async #action(entry, session, { toolCallId, params, signal, onUpdate, runId }) {
    const { wait = true, ...args } = params;
    const id = requestId(toolCallId, runId);
    const envelope = {
      request_id: id,
      // The token of a named agent takes no other name than its own.
      agent_id: this.config.agentId ?? agentId(session.agentId),
      action: entry.action,
      args: entry.kind === "async" ? args : params,
      mission_id: missionId(session),
      correlation_id: textId(runId),
    };
    const answer = await this.client.execute(envelope, {
      signal,
      onRetry: (failure, delayS) => onUpdate?.(retryUpdate(entry.action, failure, delayS)),
    });
    if (answer.failure) {
      const { failure, retryAfterS } = answer;
      return failed(failure, retryAfterS === undefined ? {} : { retry_after_s: retryAfterS });
    }
    const { job_id: jobId, status } = answer.body.result;
    if (jobId === undefined) {
      return { ok: true, ...brief(answer.body.result) };
    }
    // A job: of a start or stop, or because the streamer has to allow the action first.
    return wait
      ? this.#outcome(jobId, session, { signal, onUpdate })
      : this.#later({ ok: true, job_id: jobId, job_status: status, ...approvalState(answer.body.result) }, session);
  }

  async #outcome(jobId, session, { signal, onUpdate }) {
    const holder = this.watcher();
    // The gateway may end before the job does, at any moment.
    holder.hold(jobId, session);
    const follow = () =>
      followJob(this.client, jobId, {
        limitS: this.config.jobWaitS,
        signal,
        onProgress: (now) => onUpdate?.(progressUpdate(now)),
      }).catch((error) => ({ failure: failures.internal(error) }));
    const { job, failure } = await waitFor(jobId, follow);
    const watcher = this.watcher(holder); // the configuration may have changed, and with it who watches
    if (failure?.code === "cancelled") {
      // The turn is over, and the stream may still start: somebody has to be told.
      const told = watcher.watch(jobId, session) ? "you are told when it ends" : "twitch_job_status tells its outcome";
      const hint = `The job goes on in OBS: ${told}, twitch_stop_stream ends the stream.`;
      return failed({ ...failure, hint }, { job_id: jobId });
    }
    if (failure) {
      return failed(failure, { job_id: jobId, note: this.#afterFailure(watcher, jobId, session, failure) });
    }
    if (!hasEnded(job)) {
      return this.#later(jobOutcome(job), session, watcher);
    }
    watcher.release(jobId);
    watcher.watchStream(job, session);
    return jobEnd(job);
  }

  // What comes after a look at a job that failed, which says nothing of the job.
  #afterFailure(watcher, jobId, session, failure) {
    if (isGone(failure)) {
      watcher.release(jobId);
    } else if (watcher.watch(jobId, session, { failureTold: true })) {
      return "You will be told once the job's outcome is known.";
    }
    return "twitch_job_status tells the job's outcome, if it is to be had.";
  }

  // The answer while a job goes on, with a promise to tell its end where that can be kept.
  #later(payload, session, watcher = this.watcher()) {
    const woken = watcher.watch(payload.job_id, session);
    const state =
      payload.approval === "pending"
        ? "Nothing has been done: the streamer has to allow it in OBS first. Tell the user."
        : "The job goes on.";
    const next = woken ? "You will be told when it ends." : "Ask twitch_job_status for its outcome.";
    return { ...payload, note: `${state} ${next}` };
  }

  async #jobStatus(session, { params, signal }) {
    const { job_id: named, wait_s: waitS = 0 } = params;
    const { jobId, failure: lost } = named === undefined ? await this.#newestJob(session, signal) : { jobId: String(named) };
    if (lost) {
      return failed(lost);
    }
    const { job, failure } = await readJob(this.client, jobId, { waitS, signal });
    return job ? jobOutcome(job) : failed(failure, { job_id: jobId });
  }

  // Of this conversation; agents lose ids.
  async #newestJob(session, signal) {
    const mission = missionId(session);
    const { body, failure } = mission
      ? await this.client.get(`/tools/jobs?limit=1&mission_id=${encodeURIComponent(mission)}`, { signal, part: "jobs" })
      : { body: { jobs: [] } };
    return body?.jobs.length === 0 ? { failure: failures.noJob() } : { jobId: body?.jobs[0].id, failure };
  }

  #events({ params, signal }) {
    const { cursor, wait_s: waitS = 0 } = params;
    const query = new URLSearchParams({ limit: EVENTS_AT_ONCE, wait: waitS });
    if (cursor !== undefined) {
      query.set("cursor", cursor);
    }
    return this.#read(`/events?${query}`, "events", { signal, waitS });
  }

  async #read(path, part, { signal, waitS }) {
    const { body, failure } = await this.client.get(path, { signal, waitS, part });
    return body ? brief(body) : failed(failure);
  }

  async #preShowCheck({ params, signal }) {
    const answers = await Promise.all([
      this.client.get("/status?check=1", { signal, part: "obs" }),
      this.client.get("/tools", { signal, part: "tools" }),
    ]);
    const failure = answers.find((answer) => answer.failure)?.failure;
    if (failure) {
      return failed(failure, { ready: false });
    }
    const [status, { tools }] = answers.map((answer) => answer.body);
    this.offer.note(tools);
    // What nobody has switched on keeps no show from anything.
    const expected = tools.filter(({ name, enabled }) => enabled || !this.offAtFirst.has(name));
    return { ok: true, ...judge(status, expected, params) };
  }
}

// Never the session key, which can hold a phone number or a name; the session id is only an id.
const missionId = (session) => textId(session.sessionId);

function retryUpdate(action, failure, delayS) {
  const text = `${action}: ${failure.code}, trying again in ${delayS} s`;
  return { content: [{ type: "text", text }], details: { retry_in_s: delayS, code: failure.code } };
}
