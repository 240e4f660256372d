/**
 * One peer connection from offer to connected, by the perfect-negotiation pattern of the WebRTC specification with
 * three additions, each of which a real browser made necessary:
 *
 * - Every step runs in one queue, and an own offer that yields is dropped with its whole peer connection. After a
 *   rollback, Chromium's connection now and then never gathers a candidate.
 * - A watchdog: a connection that cannot gather or whose path is blocked raises no event at all.
 * - Starting afresh, once, with a new peer connection, instead of restarting ICE on one that never worked. The other
 *   side sees it by the session id in the description's `o=` line and starts afresh as well.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./wire.js").Description} Description
 * @typedef {import("./wire.js").Candidate} Candidate
 * @typedef {"connecting" | "connected" | "interrupted" | "closed" | "failed"} Progress
 *   `interrupted` may still heal; `closed` is the other side hanging up without a word; `failed` is final.
 *
 * @typedef {object} NegotiatorOptions
 * @property {() => RTCPeerConnection} createPeer
 * @property {MediaStream} stream what is sent
 * @property {boolean} polite whether our own offer yields when both sides offer at once
 * @property {(type: "SDP" | "ICE", payload: Description | Candidate | RTCIceCandidateInit) => void} send
 * @property {(progress: Progress) => void} onProgress
 * @property {(stream: MediaStream) => void} onRemoteStream
 * @property {Clock} [clock]
 */
import { systemClock } from "./clock.js";

const CONNECT_PATIENCE = 12_000;
const MAX_WAITING_CANDIDATES = 100;
const FRESH_STARTS = 1;

export class Negotiator {
  /** @type {NegotiatorOptions} */ #options;
  /** @type {Clock} */ #clock;
  /** @type {RTCPeerConnection} */ #peer;
  /** @type {Promise<void>} */ #steps = Promise.resolve();
  /** @type {Candidate[]} Candidates whose description is not there yet. */ #waiting = [];
  /** @type {any} */ #watchdog;
  #freshStarts = FRESH_STARTS;
  /** Whether the description in force is our offer: then it is also ours to start afresh. */
  #offering = false;
  #closed = false;

  /** @param {NegotiatorOptions} options */
  constructor(options) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#peer = this.#createPeer();
  }

  /** Makes an offer and sends it. */
  offer() {
    this.#step(() => this.#sendOffer());
  }

  /** @param {Description} description from the other side */
  describe(description) {
    this.#step(() => (description.type === "offer" ? this.#applyOffer(description) : this.#applyAnswer(description)));
  }

  /** @param {Candidate} candidate from the other side */
  addCandidate(candidate) {
    this.#step(async () => {
      if (this.#waiting.length < MAX_WAITING_CANDIDATES) this.#waiting.push(candidate);
      await this.#addWaitingCandidates();
    });
  }

  close() {
    this.#closed = true;
    this.#clock.clearTimeout(this.#watchdog);
    this.#peer.close();
  }

  /** @param {() => Promise<void>} step */
  #step(step) {
    this.#steps = this.#steps
      .then(() => (this.#closed ? undefined : step()))
      .catch((error) => {
        if (this.#closed) return;
        console.error("Negotiation failed:", error);
        this.#options.onProgress("failed");
      });
  }

  async #sendOffer() {
    const peer = this.#peer;
    // What we do not send we may still receive.
    for (const kind of ["audio", "video"]) {
      const known = peer.getTransceivers().some(({ receiver }) => receiver.track.kind === kind);
      if (!known) peer.addTransceiver(kind, { direction: "recvonly" });
    }
    await peer.setLocalDescription();
    this.#sendLocalDescription("offer");
  }

  /** @param {Description} offer */
  async #applyOffer(offer) {
    const collides = this.#peer.signalingState !== "stable";
    if (collides && !this.#options.polite) return;
    const current = this.#peer.remoteDescription;
    const replaced = current !== null && sessionOf(current.sdp) !== sessionOf(offer.sdp);
    if (collides || replaced) this.#startAfresh();
    await this.#peer.setRemoteDescription(offer);
    this.#offering = false;
    await this.#addWaitingCandidates();
    await this.#peer.setLocalDescription();
    this.#sendLocalDescription("answer");
    this.#connecting();
  }

  /** @param {Description} answer */
  async #applyAnswer(answer) {
    // The answer to an offer that has since been given up.
    if (this.#peer.signalingState !== "have-local-offer") return;
    await this.#peer.setRemoteDescription(answer);
    this.#offering = true;
    await this.#addWaitingCandidates();
    this.#connecting();
  }

  /** @param {Description["type"]} type */
  #sendLocalDescription(type) {
    const description = this.#peer.localDescription;
    if (this.#closed || description?.type !== type) return;
    this.#options.send("SDP", { type, sdp: description.sdp });
  }

  /** Adds the candidates that belong to the remote description; one that the browser refuses harms nobody. */
  async #addWaitingCandidates() {
    const sdp = this.#peer.remoteDescription?.sdp;
    if (sdp === undefined) return;
    const candidates = this.#waiting;
    this.#waiting = [];
    for (const candidate of candidates) {
      if (!belongsTo(candidate, sdp)) {
        this.#waiting.push(candidate);
        continue;
      }
      await this.#peer.addIceCandidate(candidate).catch((error) => console.debug("Candidate refused:", error));
    }
  }

  #createPeer() {
    const { createPeer, stream, send, onRemoteStream } = this.#options;
    const peer = createPeer();
    for (const track of stream.getTracks()) peer.addTrack(track, stream);
    peer.onicecandidate = ({ candidate }) => {
      if (candidate !== null && peer === this.#peer) send("ICE", candidate.toJSON());
    };
    peer.ontrack = ({ track, streams }) => onRemoteStream(streams[0] ?? new MediaStream([track]));
    peer.onconnectionstatechange = () => {
      if (peer === this.#peer && !this.#closed) this.#follow(peer);
    };
    return peer;
  }

  #startAfresh() {
    this.#peer.close();
    this.#peer = this.#createPeer();
  }

  /** @param {RTCPeerConnection} peer */
  #follow(peer) {
    switch (peer.connectionState) {
      case "connected":
        this.#clock.clearTimeout(this.#watchdog);
        this.#freshStarts = FRESH_STARTS;
        this.#watchTransport(peer);
        return this.#options.onProgress("connected");
      case "disconnected":
        return this.#options.onProgress("interrupted");
      case "failed":
        return this.#recover();
    }
  }

  /**
   * A page that closes its connection says so on the transport, long before ICE notices. While ICE is interrupted,
   * the other side may be closing it only to start afresh.
   *
   * @param {RTCPeerConnection} peer
   */
  #watchTransport(peer) {
    for (const { transport } of peer.getReceivers()) {
      if (transport === null) continue;
      transport.onstatechange = () => {
        if (transport.state !== "closed" || peer !== this.#peer || this.#closed) return;
        if (peer.connectionState !== "disconnected") this.#options.onProgress("closed");
      };
    }
  }

  #connecting() {
    if (this.#closed || this.#peer.connectionState === "connected") return;
    this.#options.onProgress("connecting");
    this.#watch();
  }

  #watch() {
    this.#clock.clearTimeout(this.#watchdog);
    this.#watchdog = this.#clock.setTimeout(() => this.#recover(), CONNECT_PATIENCE);
  }

  /** One more try: the side whose offer was answered makes a fresh one, the other waits for it. */
  #recover() {
    if (this.#freshStarts === 0) return this.#options.onProgress("failed");
    this.#freshStarts -= 1;
    this.#options.onProgress("interrupted");
    this.#watch();
    if (!this.#offering) return;
    this.#step(async () => {
      this.#startAfresh();
      await this.#sendOffer();
    });
  }
}

/**
 * @param {string} sdp
 * @returns {string | undefined} the same for all descriptions of one peer connection
 */
function sessionOf(sdp) {
  return /^o=\S+ (\S+)/m.exec(sdp)?.[1];
}

/**
 * Frames may overtake each other: a candidate may be there before the description that it belongs to.
 *
 * @param {Candidate} candidate
 * @param {string} sdp
 */
function belongsTo({ usernameFragment }, sdp) {
  return usernameFragment === null || sdp.includes(`a=ice-ufrag:${usernameFragment}\r\n`);
}
