/**
 * By which paths a call may go. STUN servers stand in `config.js`; TURN servers, which carry a call where no path is direct, come
 * from the relay: their credentials are worth something and good only for a while, so they are asked for when a call needs them.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./wire.js").IceAnswer} IceAnswer
 *
 * @typedef {object} Peers the peer connections of one call
 * @property {() => RTCPeerConnection} create
 * @property {(peer: RTCPeerConnection) => Promise<boolean>} renew gives it credentials that are good for the time to come; false
 *   if it has them already, or there are none
 * @property {() => number | null} renewalDelay in how many milliseconds that is due; null for never
 */
import { systemClock } from "./clock.js";
import { selectedPair } from "./stats.js";

/** A relay that starts cold and has to look up its secret answers within a second or two; a call can begin without it. */
const PATIENCE = 4_000;
/** Until then what is there is good enough for what begins now. */
const FRESH = 1 / 2;
/** Then a call that goes on needs new ones. */
const DUE = 3 / 4;
const SHORTEST_DELAY = 2_000;

/**
 * @param {RTCIceServer[]} servers
 * @returns {boolean} whether a call can go over a relay server, so that the two sides do not learn each other's address
 */
export function canRelay(servers) {
  return servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/i.test(url)));
}

/**
 * @param {RTCIceServer[]} iceServers
 * @param {boolean} hidden whether the other side must not learn our address: then rather no call than one that tells it
 * @returns {RTCConfiguration}
 */
export function peerConfiguration(iceServers, hidden) {
  return { iceServers, iceTransportPolicy: hidden ? "relay" : "all" };
}

/** The ICE servers of the moment. */
export class IceSupply {
  /** @type {RTCIceServer[]} */ #fixed;
  /** @type {() => boolean} */ #ask;
  /** @type {Clock} */ #clock;
  /** @type {RTCIceServer[]} The same list for as long as nothing changes. */ #servers;
  #receivedAt = 0;
  /** How long what was received is good; 0 for nothing. */
  #life = 0;
  /** @type {Promise<void> | null} */ #asking = null;
  #answered = () => {};

  /**
   * @param {RTCIceServer[]} fixed
   * @param {{ ask: () => boolean, clock?: Clock }} options `ask` sends the question to the relay, if it can
   */
  constructor(fixed, { ask, clock = systemClock }) {
    this.#fixed = this.#servers = fixed;
    this.#ask = ask;
    this.#clock = clock;
  }

  get servers() {
    return this.#servers;
  }

  /** @returns {Promise<RTCIceServer[]>} as fresh as they can be had */
  async current() {
    if (this.#age < this.#life * FRESH) return this.#servers;
    this.#asking ??= this.#question().finally(() => (this.#asking = null));
    await this.#asking;
    if (this.#age >= this.#life) this.#servers = this.#fixed;
    return this.#servers;
  }

  /** @param {IceAnswer} answer of the relay */
  receive({ servers, expiresIn, failure }) {
    if (failure !== null) console.warn("The relay has no TURN servers for us:", failure.code, failure.message);
    else {
      this.#servers = [...this.#fixed, ...servers];
      this.#receivedAt = this.#clock.time();
      this.#life = expiresIn * 1_000;
    }
    this.#answered();
  }

  /** @returns {number | null} */
  renewalDelay() {
    if (this.#life === 0) return null;
    return Math.max(this.#life * DUE - this.#age, this.#life / 8, SHORTEST_DELAY);
  }

  get #age() {
    return this.#clock.time() - this.#receivedAt;
  }

  /** @returns {Promise<void>} */
  #question() {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimeout(resolve, PATIENCE);
      this.#answered = () => {
        this.#clock.clearTimeout(timer);
        resolve();
      };
      if (!this.#ask()) this.#answered();
    });
  }
}

/**
 * @param {Pick<IceSupply, "current" | "servers" | "renewalDelay">} supply
 * @param {boolean} hidden
 * @param {(configuration: RTCConfiguration) => RTCPeerConnection} make
 * @returns {Promise<Peers>}
 */
export async function preparePeers(supply, hidden, make) {
  let applied = await supply.current();
  return {
    create() {
      applied = supply.servers;
      return make(peerConfiguration(applied, hidden));
    },
    async renew(peer) {
      const servers = await supply.current();
      if (servers === applied || peer.signalingState === "closed") return false;
      applied = servers;
      peer.setConfiguration(peerConfiguration(servers, hidden));
      return true;
    },
    renewalDelay: () => supply.renewalDelay(),
  };
}

/**
 * @param {RTCStatsReport} stats
 * @returns {boolean} whether the call goes over a relay server of ours
 */
export function isRelayed(stats) {
  return stats.get(selectedPair(stats)?.localCandidateId)?.candidateType === "relay";
}
