// A job of the server: begun, shown with its progress, stopped, and found again after a reload.
import { get, post } from "./api.js";
import { h, fill, duration } from "./dom.js";
import { fault } from "./errors.js";

const FIRST = 60;
const SLOWEST = 1000;

export class JobView {
  /**
   * @param {Element} place where progress and errors are shown; it keeps its height.
   * @param {string} kind of the jobs.
   * @param {{onResult?: Function, onOver?: Function, button?: HTMLButtonElement}} told
   *   onResult(result, job) whenever there is something to show, onOver(job) at the end.
   */
  constructor(place, kind, { onResult = () => {}, onOver = () => {}, button = null } = {}) {
    Object.assign(this, { place, kind, onResult, onOver, button, following: 0, shown: null });
    place.classList.add("job");
  }

  /** Begin one. */
  async start(path, body) {
    this.#busy(true);
    fill(this.place, this.#bar({ progress: null, status: "queued", title: "Sending", seconds: 0 }, null));
    try {
      await this.follow(await post(path, body));
    } catch (error) {
      this.#busy(false);
      fault(this.place, error);
    }
  }

  /** Go on with the last of this kind among the jobs of the page, if there is one. */
  async resume(jobs) {
    const last = jobs.filter((job) => job.kind === this.kind && job.status !== "stopped").at(-1);
    if (!last) return null;
    this.follow(await get(`/api/jobs/${last.id}`)).catch((error) => fault(this.place, error));
    return last.request;
  }

  /** Show a job until it is over. */
  async follow(job) {
    const mine = ++this.following;
    let pause = FIRST;
    this.#busy(true);
    for (;;) {
      this.#show(job);
      if (job.over) break;
      await new Promise((resolve) => setTimeout(resolve, pause));
      pause = Math.min(SLOWEST, pause * 1.25);
      if (mine !== this.following) return;
      job = await this.#again(job);
    }
    this.#busy(false);
    this.onOver(job);
  }

  async #again(job) {
    try {
      return await get(`/api/jobs/${job.id}`);
    } catch (error) {
      this.#busy(false);
      throw error;
    }
  }

  #show(job) {
    const found = JSON.stringify(job.result);
    if (job.result !== null && found !== this.shown) {
      this.shown = found;
      this.onResult(job.result, job);
    }
    if (job.status === "failed") fault(this.place, { message: job.error });
    else if (job.status === "stopped") fill(this.place, h("p", { class: "soft small", role: "status" }, `Stopped after ${duration(job.seconds)}. What was done before is kept.`));
    else if (job.over) fill(this.place, h("p", { class: "soft small", role: "status" }, `Done in ${duration(job.seconds)}.`));
    else fill(this.place, this.#bar(job, () => post(`/api/jobs/${job.id}/stop`)));
  }

  #bar(job, stop) {
    const { progress } = job;
    const known = progress && progress.total > 0 && progress.done > 0;
    const what = job.waits_for ? `Waiting for: ${job.waits_for}` : job.status === "stopping" ? "Stopping at the next step" : (progress?.what ?? job.title);
    const count = known ? `, ${progress.done} of ${progress.total}` : "";
    const focused = this.place.contains(document.activeElement);
    const button = stop && h("button", { type: "button", class: "danger", disabled: job.status === "stopping", onclick: stop }, "Stop");
    if (focused && button) queueMicrotask(() => button.focus());
    return h(
      "div",
      { class: "bar" },
      h("progress", { "aria-label": job.title, ...(known ? { max: progress.total, value: progress.done } : {}) }),
      h("p", { class: "told" }, `${what}${count} · ${duration(job.seconds)}`),
      button,
    );
  }

  #busy(busy) {
    if (this.button) this.button.disabled = busy;
  }
}

/** The jobs of a page, oldest first. */
export const jobsOf = (page) => get("/api/jobs", { page });
