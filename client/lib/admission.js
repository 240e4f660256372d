/**
 * Why there is no connection, as far as a browser tells a page: a handshake that the relay refused looks like one that got lost.
 * But if the page's own host answers at this moment, and says that the relay is choosy, then the relay lets this page in neither
 * now nor later.
 *
 * @typedef {import("./signaling.js").SignalingStatus} SignalingStatus
 * @typedef {{ origins: string[], joinToken: boolean }} Doors whose pages may connect, all if there is none; whether one needs a token
 * @typedef {"origin" | "token"} Refusal
 */

/** One lost attempt is a bad moment. */
const AT_FIRST = 2;
/** Who was let in before has lost a socket before any handshake, and more often a network than an invitation. */
const LATER = 4;

export class Admission {
  /** @type {() => Promise<Doors>} */ #look;
  /** @type {(status: SignalingStatus | { name: "refused", why: Refusal }) => void} */ #onStatus;
  /** @type {string} */ #origin;
  #patience = AT_FIRST;
  #refused = false;
  /** Counts what was heard, so that an answer that comes late is not taken for one about the present. */
  #heard = 0;

  /**
   * @param {object} options
   * @param {() => Promise<Doors>} options.look asks the page's own host, and not a cache
   * @param {(status: SignalingStatus | { name: "refused", why: Refusal }) => void} options.onStatus
   * @param {string} options.origin of this page
   */
  constructor({ look, onStatus, origin }) {
    this.#look = look;
    this.#onStatus = onStatus;
    this.#origin = origin;
  }

  /** @param {SignalingStatus} status of the socket */
  async hear(status) {
    const heard = ++this.#heard;
    if (status.name === "open") this.#patience = LATER;
    const suspicious = status.name === "lost" && status.attempts >= this.#patience;
    // Who is refused stays it while the next attempts fail.
    if (!this.#refused || !suspicious) this.#tell(status);
    if (!suspicious) return;
    const why = await this.#look().then((doors) => this.#closed(doors), () => null);
    if (heard === this.#heard) this.#tell(why === null ? status : { name: "refused", why });
  }

  /**
   * @param {Doors} doors
   * @returns {Refusal | null}
   */
  #closed({ origins, joinToken }) {
    if (origins.length > 0 && !origins.includes(this.#origin)) return "origin";
    return joinToken ? "token" : null;
  }

  /** @param {SignalingStatus | { name: "refused", why: Refusal }} status */
  #tell(status) {
    this.#refused = status.name === "refused";
    this.#onStatus(status);
  }
}
