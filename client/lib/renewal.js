/**
 * Credentials of a TURN server end while a call goes on. A call that goes over one moves to new credentials before, by a restart
 * of ICE: until the new path stands, the old one serves. A call by a direct path is only prepared for its next interruption.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./ice.js").Peers} Peers
 */

/** The side whose offer is not in force waits longer, by this factor: mostly the other's restart has served both by then. */
const COURTESY = 1.1;

export class Renewal {
  /** @type {Peers} */ #peers;
  /** @type {Clock} */ #clock;
  /** @type {() => void} */ #onDue;
  /** @type {any} */ #timer;

  /**
   * @param {Peers} peers
   * @param {Clock} clock
   * @param {() => void} onDue
   */
  constructor(peers, clock, onDue) {
    this.#peers = peers;
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /**
   * What is gathered from then on is gathered with credentials that are good for a while.
   *
   * @param {RTCPeerConnection} peer
   * @param {boolean} offering whether the description in force is our offer
   * @returns {Promise<boolean>} whether they are new
   */
  async renew(peer, offering) {
    const renewed = await this.#peers.renew(peer).catch((error) => {
      console.error("The browser refuses the ICE servers:", error);
      return false;
    });
    this.plan(offering);
    return renewed;
  }

  /** @param {boolean} offering */
  plan(offering) {
    this.stop();
    const delay = this.#peers.renewalDelay();
    if (delay !== null) this.#timer = this.#clock.setTimeout(this.#onDue, offering ? delay : delay * COURTESY);
  }

  stop() {
    this.#clock.clearTimeout(this.#timer);
  }
}
