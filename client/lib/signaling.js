/**
 * The socket to the relay: learns the own connection id, stays open while idle, and comes back when it is lost.
 * API Gateway ends every connection after 2 hours, and the id changes with the connection.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./wire.js").Failure} Failure
 *
 * @typedef {(
 *   | { name: "connecting" }
 *   | { name: "open", connectionId: string }
 *   | { name: "lost", attempts: number }
 *   | { name: "silent" }
 * )} SignalingStatus `silent`: the socket opens, but the relay does not say our id.
 *
 * @typedef {object} SignalingHandlers
 * @property {(status: SignalingStatus) => void} onStatus
 * @property {(from: string, type: string, payload: unknown) => void} onRelayed
 * @property {(failure: Failure) => void} onFailure the relay or API Gateway could not do what we asked
 * @property {(answer: import("./wire.js").IceAnswer) => void} [onIceServers]
 * @property {() => boolean} [mayRenew] whether a new id would harm nothing now
 */
import { systemClock } from "./clock.js";
import { parseFrame } from "./wire.js";

/** API Gateway closes a connection that was idle for 10 minutes. */
const KEEPALIVE = 4.5 * 60_000;
const ID_PATIENCE = 10_000;
const BACKOFF = [0, 300, 1_200, 2_700, 4_800, 7_000, 15_000, 30_000];
/** All pages lose their sockets at once when API Gateway has a bad moment, and it lets in 500 a second: they must not come together.
 *  Short waits are longer by up to this, long ones shorter by up to half. */
const JITTER = 1_000;
/** API Gateway ends a connection after 2 hours: a new one takes its place before, at a moment that suits. */
const RENEWAL = 115 * 60_000;
const RENEWAL_RETRY = 30_000;
/** Asks for nothing but the own id. */
const EMPTY = "";

export class Signaling {
  /** @type {SignalingHandlers} */ #handlers;
  /** @type {() => WebSocket} */ #open;
  /** @type {Clock} */ #clock;
  /** @type {() => number} */ #random;
  /** @type {WebSocket | null} */ #socket = null;
  /** @type {SignalingStatus} */ #status = { name: "connecting" };
  #attempts = 0;
  /** @type {any} The one thing being waited for: the id, the next keepalive, or the next attempt. */ #timer;
  /** @type {any} */ #renewal;

  /**
   * @param {SignalingHandlers & { open: () => WebSocket, clock?: Clock, random?: () => number }} options
   */
  constructor({ open, clock = systemClock, random = Math.random, ...handlers }) {
    this.#handlers = handlers;
    this.#open = open;
    this.#clock = clock;
    this.#random = random;
  }

  /** Connects, or tries again at once while waiting for the next attempt. */
  connect() {
    if (this.#socket !== null) return;
    this.#clock.clearTimeout(this.#timer);
    const socket = this.#open();
    this.#socket = socket;
    // Not every failure to connect ends in an event soon: the wait covers the handshake, too.
    this.#awaitId(socket);
    this.#listen(socket);
  }

  /** @param {WebSocket} socket */
  #listen(socket) {
    socket.onopen = () => socket.send(EMPTY);
    socket.onmessage = ({ data }) => this.#receive(socket, data);
    socket.onclose = () => this.#lose(socket, "lost");
  }

  /**
   * @param {string} frame
   * @returns {boolean} whether it was sent; nothing is kept for a later connection, whose id would be another
   */
  send(frame) {
    if (this.#socket === null || this.#status.name !== "open") return false;
    this.#socket.send(frame);
    return true;
  }

  /**
   * @param {WebSocket} socket
   * @param {unknown} data
   */
  #receive(socket, data) {
    if (socket !== this.#socket) return;
    const frame = parseFrame(data);
    switch (frame.kind) {
      case "relayed":
        return this.#handlers.onRelayed(frame.from, frame.type, frame.payload);
      case "service":
        return this.#handlers.onFailure({ code: "service", message: `${frame.message} (${frame.requestId})` });
      case "ice-servers":
        this.#learnId(frame.connectionId);
        return this.#handlers.onIceServers?.(frame.answer);
      case "answer":
        this.#learnId(frame.connectionId);
        if (frame.failure) this.#handlers.onFailure(frame.failure);
    }
  }

  /** @param {string} connectionId */
  #learnId(connectionId) {
    this.#attempts = 0;
    this.#keepAlive();
    if (this.#status.name === "open" && this.#status.connectionId === connectionId) return;
    this.#planRenewal(RENEWAL);
    this.#setStatus({ name: "open", connectionId });
  }

  #keepAlive() {
    this.#wait(KEEPALIVE, () => {
      if (this.#socket === null) return;
      this.#socket.send(EMPTY);
      this.#awaitId(this.#socket);
    });
  }

  /** @param {number} delay */
  #planRenewal(delay) {
    this.#clock.clearTimeout(this.#renewal);
    this.#renewal = this.#clock.setTimeout(() => this.#renew(), delay);
  }

  /** The old socket serves until the new one knows its id, so that there is no moment without one. */
  #renew() {
    this.#planRenewal(RENEWAL_RETRY);
    const old = this.#socket;
    if (old === null || this.#handlers.mayRenew?.() === false) return;
    const next = this.#open();
    next.onopen = () => next.send(EMPTY);
    next.onmessage = ({ data }) => {
      if (parseFrame(data).kind !== "answer") return;
      if (this.#socket !== old) return next.close();
      this.#socket = next;
      this.#listen(next);
      this.#receive(next, data);
      old.close();
    };
    // One that has no id when the next try is due never gets one.
    this.#clock.setTimeout(() => this.#socket !== next && next.close(), RENEWAL_RETRY);
  }

  /** @param {WebSocket} socket */
  #awaitId(socket) {
    this.#wait(ID_PATIENCE, () => this.#lose(socket, socket.readyState === 1 ? "silent" : "lost"));
  }

  /**
   * @param {WebSocket} socket
   * @param {"lost" | "silent"} name
   */
  #lose(socket, name) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#clock.clearTimeout(this.#renewal);
    socket.close();
    const wait = BACKOFF[Math.min(this.#attempts, BACKOFF.length - 1)];
    const delay = wait + this.#random() * (wait > 2 * JITTER ? -wait / 2 : JITTER);
    this.#attempts += 1;
    this.#wait(delay, () => this.connect());
    this.#setStatus(name === "lost" ? { name, attempts: this.#attempts } : { name });
  }

  /** @param {SignalingStatus} status */
  #setStatus(status) {
    this.#status = status;
    this.#handlers.onStatus(status);
  }

  /**
   * @param {number} milliseconds
   * @param {() => void} callback
   */
  #wait(milliseconds, callback) {
    this.#clock.clearTimeout(this.#timer);
    this.#timer = this.#clock.setTimeout(callback, milliseconds);
  }
}
