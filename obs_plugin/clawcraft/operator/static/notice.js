// Whether what a press would answer has stood there long enough to be read. No page needed.

const NOTICE_MS = 700;

/** What stands at one place, and since when. A press that lets agents do more counts only once it ``isNoticed``: nobody
 * says yes to what came under the pointer that very moment. One that stops them always counts. */
export class Standing {
  #what = null;
  #since = 0;

  /** ``what`` stands there now; the same as before goes on standing. */
  shows(what) {
    if (what === this.#what) return;
    this.#what = what;
    this.startAnew();
  }

  /** As if it had come this moment: it was answered. */
  startAnew() {
    this.#since = performance.now();
  }

  get isNoticed() {
    return performance.now() - this.#since >= NOTICE_MS;
  }
}
