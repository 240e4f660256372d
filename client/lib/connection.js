/**
 * What is known of a running connection: how long, how good, by which path, and a code to compare. The report that can
 * be copied has no addresses in it, so that it can be given to anybody.
 *
 * @typedef {import("./call.js").CallView} CallView
 */
import { formatDuration } from "./clock.js";
import { safetyCode } from "./safety.js";
import { summarize } from "./stats.js";
import { byId, setText } from "./ui.js";

const LOOK_EVERY = 2_000;

export class ConnectionPanel {
  #duration = byId("duration");
  #quality = byId("quality");
  #details = byId("details");
  #figures = byId("figures");
  #safety = byId("safety");
  #text;
  /** @type {CallView | null} */ #view = null;
  /** @type {ReturnType<typeof summarize> | null} */ #last = null;
  /** @type {{ descriptions: string[], stats: () => Promise<RTCStatsReport> } | null} */ #connection = null;
  /** @type {any} */ #ticking = null;
  /** @type {any} */ #looking = null;

  /** @param {import("./ui.js").Translate} text */
  constructor(text) {
    this.#text = text;
  }

  /**
   * @param {CallView} view
   * @param {{ descriptions: string[], stats: () => Promise<RTCStatsReport> } | null} connection
   */
  show(view, connection) {
    const running = view.connectedAt !== null && connection !== null;
    const arrived = view.state === "connected" && this.#view?.state !== "connected";
    this.#view = view;
    this.#connection = connection;
    for (const element of [this.#duration, this.#details]) element.hidden = !running;
    if (!running) {
      clearInterval(this.#ticking);
      clearInterval(this.#looking);
      this.#ticking = this.#looking = this.#last = null;
      this.#quality.hidden = true;
      return;
    }
    this.#ticking ??= setInterval(() => this.#tick(), 1_000);
    this.#looking ??= setInterval(() => this.#look(), LOOK_EVERY);
    this.#tick();
    if (!arrived) return;
    this.#look();
    safetyCode(connection.descriptions).then((code) => setText(this.#safety, code));
  }

  /** @returns {string} */
  report() {
    const { state, connectedAt } = this.#view ?? {};
    const { counters, report, ...quality } = this.#last ?? {};
    const seconds = connectedAt ? Math.round((Date.now() - connectedAt) / 1_000) : 0;
    return JSON.stringify({ state, seconds, ...quality, ...report, browser: navigator.userAgent }, null, 2);
  }

  #tick() {
    setText(this.#duration, formatDuration(Date.now() - (this.#view?.connectedAt ?? Date.now())));
  }

  async #look() {
    const connection = this.#connection;
    const stats = await connection?.stats();
    if (!stats || connection !== this.#connection) return;
    const quality = summarize(stats.values(), this.#last?.counters);
    this.#last = quality;
    const path = this.#text(`path.${quality.path}`);
    this.#quality.hidden = false;
    this.#quality.dataset.grade = quality.grade;
    this.#quality.dataset.path = quality.path;
    setText(this.#quality, this.#text(`quality.${quality.grade}`));
    const { roundTrip, loss } = quality;
    setText(this.#figures, this.#text("details.figures", { path, roundTrip: String(roundTrip ?? "–"), loss: String(loss) }));
  }
}
