/**
 * The call: who is called, who calls, and how it ended. Nothing leaves this page for a caller (no camera, no
 * address, no answer) before the person here has accepted.
 *
 * @typedef {import("./channel.js").ChannelMessage} ChannelMessage
 * @typedef {import("./channel.js").MediaStatus} MediaStatus
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
 * @property {number | null} connectedAt by the clock, when it was connected for the first time
 * @property {MediaStatus | null} remote what the other side sends; null if its page does not say
 *
 * @typedef {object} CallOptions
 * @property {() => string} ownId
 * @property {(peer: string, type: "SDP" | "ICE" | "BYE" | "REBIND", payload: unknown) => boolean} send
 * @property {() => Promise<Media>} openMedia
 * @property {() => Promise<import("./ice.js").Peers>} preparePeers
 * @property {(view: CallView) => void} onChange
 * @property {(text: string) => void} [onChat] what the other person wrote
 * @property {Clock} [clock]
 */
import { PeerChannel } from "./channel.js";
import { systemClock } from "./clock.js";
import { closeStream } from "./media.js";
import { Negotiator } from "./negotiator.js";
import { RingLimit } from "./ringing.js";
import { readCandidate, readDescription, readGoodbye, readRebind } from "./wire.js";

const RING_PATIENCE = 30_000;
const MAX_WAITING = 100;
const MAX_EARLY_SENDERS = 8;
/** @type {Map<string, EndReason>} By the code of the relay's answer. */
const END_REASONS = new Map([
  ["peer_gone", "peer-gone"],
  ["not_permitted", "not-permitted"],
  ["throttled", "throttled"],
  ["message_too_large", "too-large"],
]);

export class Call {
  /** @type {CallOptions} */ #options;
  /** @type {Clock} */ #clock;
  /** @type {CallView} */ #view = blankView("idle");
  /** @type {Negotiator | null} */ #negotiator = null;
  /** @type {Description | null} The peer's offer while there is no negotiator for it. */ #offer = null;
  /** @type {Candidate[]} The peer's candidates while there is no negotiator for them. */ #candidates = [];
  /** @type {Map<string, Candidate[]>} Candidates that overtook their offer, by sender. */ #early = new Map();
  /** @type {any} */ #ringTimer;
  #ringLimit = new RingLimit();
  #channel = new PeerChannel({ onOpen: () => this.#introduce(), onMessage: (message) => this.#hear(message) });
  /** @type {MediaStatus} */ #status = { muted: false, camera: true, sharing: false };
  /** What proves to the peer that it is us, whatever our id is. */
  #token = "";
  /** @type {string | null} */ #peerToken = null;
  /** The relay no longer knows the peer's id: it has left, or is about to come back under another one. */
  #peerMissing = false;
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
      const rings = !this.#active && this.#ringLimit.allows(from, this.#clock.time());
      if (rings) this.#ring(from, description);
      else this.#options.send(from, "BYE", { reason: "busy" });
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
        return this.#end(END_REASONS.get(code) ?? "relay");
      case "connecting":
      case "reconnecting":
        if (code !== "peer_gone") return;
        if (this.#peerToken === null) this.#end("left");
        else this.#peerMissing = true;
    }
  }

  /** The own id is no longer valid. A call that is connected does not need it; one that is not can no longer get there. */
  signalingLost() {
    const { state } = this.#view;
    if (state === "calling" || state === "ringing" || state === "connecting") this.#end("offline");
  }

  /** There is an own id again, and it may be a new one. */
  signalingOpened() {
    if (this.#negotiator === null) return;
    this.#introduce();
    // The channel may be down, too: then the peer knows us by what was agreed on it.
    if (this.#peerToken !== null) this.#options.send(this.#view.peer, "REBIND", { token: this.#token });
    this.#negotiator.peerReachable();
  }

  /** The browser is on a network again, perhaps on another one. */
  networkChanged() {
    this.#negotiator?.networkChanged();
  }

  /**
   * @param {unknown} payload
   * @param {string} from
   */
  receiveRebind(payload, from) {
    if (this.#peerToken !== null && readRebind(payload) === this.#peerToken) this.#follows(from);
  }

  /**
   * Sends another track of this kind from now on, or nothing.
   *
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track
   */
  replaceTrack(kind, track) {
    this.#negotiator?.replaceTrack(kind, track);
  }

  /** @param {MediaStatus} status told to the other side, now and whenever the connection is made anew */
  tellStatus(status) {
    this.#status = status;
    this.#channel.send({ type: "status", ...status });
  }

  /**
   * @param {string} text
   * @returns {boolean} whether it was sent
   */
  chat(text) {
    return this.#channel.send({ type: "chat", text });
  }

  /** For what describes the connection; null while there is none. */
  get connection() {
    return this.#negotiator;
  }

  #introduce() {
    this.#channel.send({ type: "identity", connectionId: this.#options.ownId(), token: this.#token });
    this.#channel.send({ type: "status", ...this.#status });
  }

  /** @param {ChannelMessage} message */
  #hear(message) {
    switch (message.type) {
      case "identity":
        this.#peerToken = message.token;
        return this.#follows(message.connectionId);
      case "status": {
        const { muted, camera, sharing } = message;
        return this.#change({ remote: { muted, camera, sharing } });
      }
      case "chat":
        return this.#options.onChat?.(message.text);
    }
  }

  /** @param {string} peer its id from now on */
  #follows(peer) {
    this.#peerMissing = false;
    if (peer === this.#view.peer || peer === "") return;
    this.#change({ peer });
    this.#negotiator?.peerReachable();
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
    this.#token = crypto.getRandomValues(new Uint32Array(4)).join("-");
    this.#peerToken = null;
    this.#peerMissing = false;
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
    try {
      await this.#negotiate(attempt, media);
    } catch (error) {
      // A browser refuses a whole configuration for one odd ICE server. The camera must not stay on behind it.
      console.error("The call could not be set up:", error);
      closeStream(media.stream);
      if (attempt === this.#attempt) this.#end("no-path");
    }
  }

  /**
   * @param {number} attempt
   * @param {Media} media
   */
  async #negotiate(attempt, media) {
    const peers = await this.#options.preparePeers();
    if (attempt !== this.#attempt) return closeStream(media.stream);

    const { peer } = this.#view;
    const negotiator = new Negotiator({
      peers,
      stream: media.stream,
      polite: this.#options.ownId() < peer,
      send: (type, payload) => void this.#options.send(this.#view.peer, type, payload),
      onProgress: (progress) => attempt === this.#attempt && this.#follow(progress),
      onRemoteStream: (remoteStream) => attempt === this.#attempt && this.#change({ remoteStream }),
      onChannel: (channel) => this.#channel.attach(channel),
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
        return this.#change({ state: "connected", connectedAt: this.#view.connectedAt ?? this.#clock.time() });
      case "interrupted":
        return this.#change({ state: "reconnecting" });
      case "closed":
        return this.#end("left");
      case "failed":
        if (this.#peerMissing) return this.#end("left");
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
    this.#channel.attach(null);
    this.#peerToken = null;
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
  return {
    state, reason: null, peer: "", localStream: null, remoteStream: null, shortage: null, mediaError: null, connectedAt: null,
    remote: null,
  };
}

/**
 * @param {Candidate[]} list
 * @param {Candidate} candidate
 */
function pushBounded(list, candidate) {
  if (list.length < MAX_WAITING) list.push(candidate);
}
