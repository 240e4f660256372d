/**
 * The call: who is called, who calls, and how it ended. Nothing leaves this page for a caller (no camera, no
 * address, no answer) before the person here has accepted.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./media.js").Media} Media
 * @typedef {import("./media.js").Shortage} Shortage
 * @typedef {import("./wire.js").Description} Description
 * @typedef {import("./wire.js").Candidate} Candidate
 * @typedef {import("./wire.js").Failure} Failure
 *
 * @typedef {"idle" | "calling" | "ringing" | "connecting" | "connected" | "reconnecting" | "ended"} CallState
 * @typedef {(
 *   "hangup" | "left" | "declined" | "busy" | "no-answer" | "refused" | "missed" | "offline" | "no-path" | "media" |
 *   "peer-gone" | "not-permitted" | "throttled" | "too-large" | "relay"
 * )} EndReason
 *
 * @typedef {object} CallView all that a page needs to show
 * @property {CallState} state
 * @property {EndReason | null} reason why it ended
 * @property {string} peer the other's connection id
 * @property {MediaStream | null} localStream
 * @property {MediaStream | null} remoteStream
 * @property {Shortage | null} shortage
 * @property {unknown} mediaError why the camera did not open
 *
 * @typedef {object} CallOptions
 * @property {() => string} ownId
 * @property {(peer: string, type: "SDP" | "ICE" | "BYE", payload: unknown) => boolean} send
 * @property {() => Promise<Media>} openMedia
 * @property {() => Promise<() => RTCPeerConnection>} preparePeer
 * @property {(view: CallView) => void} onChange
 * @property {Clock} [clock]
 */
import { systemClock } from "./clock.js";
import { closeStream } from "./media.js";
import { Negotiator } from "./negotiator.js";
import { readCandidate, readDescription, readGoodbye } from "./wire.js";

const RING_PATIENCE = 45_000;
const MAX_WAITING = 100;
const MAX_EARLY_SENDERS = 8;

export class Call {
  /** @type {CallOptions} */ #options;
  /** @type {Clock} */ #clock;
  /** @type {CallView} */ #view = blankView("idle");
  /** @type {Negotiator | null} */ #negotiator = null;
  /** @type {Description | null} The peer's offer while there is no negotiator for it. */ #offer = null;
  /** @type {Candidate[]} The peer's candidates while there is no negotiator for them. */ #candidates = [];
  /** @type {Map<string, Candidate[]>} Candidates that overtook their offer, by sender. */ #early = new Map();
  /** @type {any} */ #ringTimer;
  /** Counts the calls, so that what was awaited for an earlier one is not taken for this one. */
  #attempt = 0;

  /** @param {CallOptions} options */
  constructor(options) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get view() {
    return this.#view;
  }

  /** @param {string} peer */
  async call(peer) {
    // Both wanted this call: no need to ask.
    if (this.#view.state === "ringing" && peer === this.#view.peer) return this.accept();
    if (this.#active) return;
    this.#begin("calling", peer);
    await this.#connect();
  }

  async accept() {
    if (this.#view.state !== "ringing") return;
    this.#clock.clearTimeout(this.#ringTimer);
    this.#change({ state: "connecting", mediaError: null });
    await this.#connect();
  }

  /** Hangs up, gives up calling, or declines. */
  hangUp() {
    if (!this.#active) return;
    const ringing = this.#view.state === "ringing";
    this.#sayGoodbye(ringing ? "declined" : "hangup");
    this.#end(ringing ? "refused" : "hangup");
  }

  /**
   * @param {unknown} payload
   * @param {string} from
   */
  receiveDescription(payload, from) {
    const description = readDescription(payload);
    if (description === null) return;
    if (this.#active && from === this.#view.peer) {
      if (this.#negotiator !== null) this.#negotiator.describe(description);
      else if (description.type === "offer") this.#offer = description;
    } else if (description.type === "offer") {
      if (this.#active) this.#options.send(from, "BYE", { reason: "busy" });
      else this.#ring(from, description);
    }
  }

  /**
   * @param {unknown} payload
   * @param {string} from
   */
  receiveCandidate(payload, from) {
    const candidate = readCandidate(payload);
    if (candidate === null) return;
    if (this.#active && from === this.#view.peer) {
      if (this.#negotiator !== null) this.#negotiator.addCandidate(candidate);
      else pushBounded(this.#candidates, candidate);
    } else {
      const early = this.#early.get(from) ?? [];
      pushBounded(early, candidate);
      this.#early.set(from, early);
      if (this.#early.size > MAX_EARLY_SENDERS) this.#early.delete(this.#early.keys().next().value ?? "");
    }
  }

  /**
   * @param {unknown} payload
   * @param {string} from
   */
  receiveGoodbye(payload, from) {
    if (!this.#active || from !== this.#view.peer) return;
    const reason = readGoodbye(payload);
    if (reason !== "hangup") this.#end(reason);
    else this.#end(this.#view.state === "ringing" ? "missed" : "left");
  }

  /**
   * The relay could not deliver something. It does not say what, so this matters only while the call depends on it.
   *
   * @param {Failure} failure
   */
  relayFailed({ code }) {
    // Nothing was sent for this call yet: it is about an earlier one.
    if (this.#negotiator === null) return;
    switch (this.#view.state) {
      case "calling":
        return this.#end(endReason(code));
      case "connecting":
      case "reconnecting":
        if (code === "peer_gone") this.#end("left");
    }
  }

  /** The own id is no longer valid. A call that is connected does not need it; one that is not can no longer get there. */
  signalingLost() {
    const { state } = this.#view;
    if (state === "calling" || state === "ringing" || state === "connecting") this.#end("offline");
  }

  get #active() {
    return this.#view.state !== "idle" && this.#view.state !== "ended";
  }

  /**
   * @param {string} from
   * @param {Description} offer
   */
  #ring(from, offer) {
    this.#begin("ringing", from);
    this.#offer = offer;
  }

  /**
   * @param {"calling" | "ringing"} state
   * @param {string} peer
   */
  #begin(state, peer) {
    this.#attempt += 1;
    this.#candidates = this.#early.get(peer) ?? [];
    this.#early.clear();
    this.#view = blankView(state);
    this.#startRingTimer();
    this.#change({ peer });
  }

  #startRingTimer() {
    this.#clock.clearTimeout(this.#ringTimer);
    this.#ringTimer = this.#clock.setTimeout(() => {
      if (this.#view.state === "ringing") return this.#end("missed");
      this.#sayGoodbye("no-answer");
      this.#end("no-answer");
    }, RING_PATIENCE);
  }

  /** Opens the camera, then offers or answers. The one way to a peer connection, so that there is never a second. */
  async #connect() {
    const attempt = this.#attempt;
    /** @type {Media} */
    let media;
    try {
      media = await this.#options.openMedia();
    } catch (mediaError) {
      if (attempt === this.#attempt) this.#withoutMedia(mediaError);
      return;
    }
    const createPeer = await this.#options.preparePeer();
    if (attempt !== this.#attempt) return closeStream(media.stream);

    const { peer } = this.#view;
    const negotiator = new Negotiator({
      createPeer,
      stream: media.stream,
      polite: this.#options.ownId() < peer,
      send: (type, payload) => void this.#options.send(peer, type, payload),
      onProgress: (progress) => attempt === this.#attempt && this.#follow(progress),
      onRemoteStream: (remoteStream) => attempt === this.#attempt && this.#change({ remoteStream }),
      clock: this.#clock,
    });
    this.#negotiator = negotiator;
    this.#change({ localStream: media.stream, shortage: media.shortage });
    for (const candidate of this.#candidates.splice(0)) negotiator.addCandidate(candidate);
    if (this.#offer !== null) negotiator.describe(this.#offer);
    else negotiator.offer();
    this.#offer = null;
  }

  /** @param {unknown} mediaError */
  #withoutMedia(mediaError) {
    if (this.#view.state === "calling") return this.#end("media", mediaError);
    // The caller is still waiting: allow the camera and accept again, or decline.
    this.#startRingTimer();
    this.#change({ state: "ringing", mediaError });
  }

  /** @param {import("./negotiator.js").Progress} progress */
  #follow(progress) {
    this.#clock.clearTimeout(this.#ringTimer);
    switch (progress) {
      case "connecting":
        return this.#view.state === "calling" ? this.#change({ state: "connecting" }) : undefined;
      case "connected":
        return this.#change({ state: "connected" });
      case "interrupted":
        return this.#change({ state: "reconnecting" });
      case "closed":
        return this.#end("left");
      case "failed":
        this.#sayGoodbye("no-path");
        return this.#end("no-path");
    }
  }

  /** @param {"hangup" | "declined" | "no-answer" | "no-path"} reason */
  #sayGoodbye(reason) {
    this.#options.send(this.#view.peer, "BYE", { reason });
  }

  /**
   * @param {EndReason} reason
   * @param {unknown} [mediaError]
   */
  #end(reason, mediaError = null) {
    this.#attempt += 1;
    this.#clock.clearTimeout(this.#ringTimer);
    this.#negotiator?.close();
    this.#negotiator = null;
    this.#offer = null;
    this.#candidates = [];
    closeStream(this.#view.localStream);
    this.#view = { ...blankView("ended"), peer: this.#view.peer };
    this.#change({ reason, mediaError });
  }

  /** @param {Partial<CallView>} change */
  #change(change) {
    this.#view = { ...this.#view, ...change };
    this.#options.onChange(this.#view);
  }
}

/**
 * @param {CallState} state
 * @returns {CallView}
 */
function blankView(state) {
  return { state, reason: null, peer: "", localStream: null, remoteStream: null, shortage: null, mediaError: null };
}

/**
 * @param {string} code of the relay's answer
 * @returns {EndReason}
 */
function endReason(code) {
  switch (code) {
    case "peer_gone":
      return "peer-gone";
    case "not_permitted":
      return "not-permitted";
    case "throttled":
      return "throttled";
    case "message_too_large":
      return "too-large";
    default:
      return "relay";
  }
}

/**
 * @param {Candidate[]} list
 * @param {Candidate} candidate
 */
function pushBounded(list, candidate) {
  if (list.length < MAX_WAITING) list.push(candidate);
}
