/**
 * One peer connection from offer to connected and back to connected after an interruption, by the perfect-negotiation
 * pattern of the WebRTC specification with additions, each of which a real browser made necessary:
 *
 * - Every step runs in one queue, and a first offer that yields is dropped with its whole peer connection. After a
 *   rollback of it, Chromium's connection now and then never gathers a candidate.
 * - A watchdog: a connection that cannot gather or whose path is blocked raises no event at all.
 * - Starting afresh, once, with a new peer connection, instead of restarting ICE on one that never worked. The other
 *   side sees it by the session id in the description's `o=` line and starts afresh as well.
 * - A look at what arrives: after a restart of ICE by Chromium, Firefox now and then takes in nothing on the new path, and
 *   both say that they are connected. A restart from the side that hears nothing mends it.
 * - A connection that once worked restarts ICE when it is interrupted, and goes on trying for a minute. Either side may
 *   do so, as only one of them may have noticed; the one whose offer is in force begins, so that they rarely collide.
 *
 * @typedef {import("./clock.js").Clock} Clock
 * @typedef {import("./wire.js").Description} Description
 * @typedef {import("./wire.js").Candidate} Candidate
 * @typedef {"connecting" | "connected" | "interrupted" | "closed" | "failed"} Progress
 *   `interrupted` may still heal; `closed` is the other side hanging up without a word; `failed` is final.
 *
 * @typedef {object} NegotiatorOptions
 * @property {import("./ice.js").Peers} peers
 * @property {MediaStream} stream what is sent
 * @property {boolean} polite whether our own offer yields when both sides offer at once
 * @property {(type: "SDP" | "ICE", payload: Description | Candidate | RTCIceCandidateInit) => void} send
 * @property {(progress: Progress) => void} onProgress
 * @property {(stream: MediaStream) => void} onRemoteStream
 * @property {(channel: RTCDataChannel) => void} onChannel a channel to the other page; a fresh start brings a fresh one
 * @property {Clock} [clock]
 */
import { systemClock } from "./clock.js";
import { isRelayed } from "./ice.js";
import { Renewal } from "./renewal.js";

const CONNECT_PATIENCE = 12_000;
const MAX_WAITING_CANDIDATES = 100;
const FRESH_STARTS = 1;
/** A connection that is `disconnected` often heals by itself within this time. */
const HEALING = 2_500;
/** How much longer the side waits whose offer is not the one in force. */
const COURTESY = 3_500;
const RESTART_PAUSE = 5_000;
const RECOVERY_PATIENCE = 60_000;
/** How long nothing may arrive on a connection on which something did. */
const SILENCE = 2_500;
/** Then the peer connection itself is taken to be broken. */
const ICE_RESTARTS = 2;
/** Both pages make the channel themselves, so that a page that has none is not bothered with one. */
const CHANNEL = { negotiated: true, id: 0 };
const KINDS = /** @type {const} */ (["audio", "video"]);

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
  /** Counts our offers, so that an answer to one that was replaced is not taken for the answer to the latest. */
  #round = Math.floor(Math.random() * 1e9);
  #wasConnected = false;
  #restarts = 0;
  /** @type {any} Runs while the connection is interrupted. */ #recovery = null;
  /** @type {any} */ #listening;
  /** What had arrived at the last look. */
  #received = 0;
  /** Restarts because nothing arrives; the other side may just have nothing to send. */
  #silences = ICE_RESTARTS;
  /** @type {Renewal} */ #renewal;
  #closed = false;

  /** @param {NegotiatorOptions} options */
  constructor(options) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#renewal = new Renewal(options.peers, this.#clock, () => this.#renew());
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

  /**
   * Sends another track of this kind instead of the present one, or nothing.
   *
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track
   */
  replaceTrack(kind, track) {
    this.#step(async () => {
      const transceiver = this.#peer.getTransceivers().find(({ receiver }) => receiver.track.kind === kind);
      await transceiver?.sender.replaceTrack(track).catch((error) => console.error("Track refused:", error));
    });
  }

  /** The network has changed: what was agreed on the old one may no longer lead anywhere. */
  networkChanged() {
    if (this.#wasConnected) this.#restart();
  }

  /** The other side can be reached again: a restart that did not get through is made anew. */
  peerReachable() {
    if (this.#recovery !== null) this.#restart();
  }

  /** @returns {Promise<RTCStatsReport>} */
  stats() {
    return this.#peer.getStats();
  }

  /** The two descriptions in force, ours first. */
  get descriptions() {
    return [this.#peer.localDescription?.sdp ?? "", this.#peer.remoteDescription?.sdp ?? ""];
  }

  close() {
    this.#closed = true;
    this.#clock.clearTimeout(this.#watchdog);
    this.#clock.clearTimeout(this.#recovery);
    this.#clock.clearTimeout(this.#listening);
    this.#renewal.stop();
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
    // What we do not send we may still receive, and send later.
    for (const kind of KINDS) {
      const known = peer.getTransceivers().some(({ receiver }) => receiver.track.kind === kind);
      if (!known) peer.addTransceiver(kind, { direction: "sendrecv", streams: [this.#options.stream] });
    }
    await peer.setLocalDescription();
    this.#sendLocalDescription("offer", ++this.#round);
  }

  /** @param {Description} offer */
  async #applyOffer(offer) {
    // The answer gathers anew as well.
    if (this.#wasConnected) await this.#renewal.renew(this.#peer, false);
    const collides = this.#peer.signalingState !== "stable";
    if (collides && !this.#options.polite) return;
    const current = this.#peer.remoteDescription;
    const replaced = current !== null && sessionOf(current.sdp) !== sessionOf(offer.sdp);
    // A connection that was once agreed can yield by itself; see above for one that was not.
    if (replaced || (collides && current === null)) this.#startAfresh();
    await this.#peer.setRemoteDescription(offer);
    this.#offering = false;
    for (const transceiver of this.#peer.getTransceivers()) {
      if (transceiver.direction !== "recvonly") continue;
      transceiver.direction = "sendrecv";
      transceiver.sender.setStreams?.(this.#options.stream);
    }
    await this.#addWaitingCandidates();
    await this.#peer.setLocalDescription();
    this.#sendLocalDescription("answer", offer.round);
    this.#connecting();
  }

  /** @param {Description} answer */
  async #applyAnswer(answer) {
    // The answer to an offer that has since been given up.
    if (this.#peer.signalingState !== "have-local-offer" || ![null, this.#round].includes(answer.round)) return;
    const current = this.#peer.remoteDescription;
    if (current !== null && sessionOf(current.sdp) !== sessionOf(answer.sdp)) {
      // The other side has started afresh meanwhile, and our offer still belonged to what it has given up.
      this.#startAfresh();
      return this.#sendOffer();
    }
    await this.#peer.setRemoteDescription(answer);
    this.#offering = true;
    await this.#addWaitingCandidates();
    this.#connecting();
  }

  /**
   * @param {Description["type"]} type
   * @param {number | null} round
   */
  #sendLocalDescription(type, round) {
    const description = this.#peer.localDescription;
    if (this.#closed || description?.type !== type) return;
    this.#options.send("SDP", { type, sdp: description.sdp, round });
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
    const { peers, stream, send, onChannel } = this.#options;
    const peer = peers.create();
    for (const track of stream.getTracks()) peer.addTrack(track, stream);
    peer.onicecandidate = ({ candidate }) => {
      if (candidate !== null && peer === this.#peer) send("ICE", candidate.toJSON());
    };
    this.#followTracks(peer);
    peer.onconnectionstatechange = () => {
      if (peer === this.#peer && !this.#closed) this.#follow(peer);
    };
    onChannel(peer.createDataChannel("call", CHANNEL));
    return peer;
  }

  /**
   * A track is shown when something arrives on it: a player waits for the first picture of a camera that is off.
   *
   * @param {RTCPeerConnection} peer
   */
  #followTracks(peer) {
    /** @type {MediaStream | null} */
    let stream = null;
    peer.ontrack = ({ track }) => {
      const show = () => {
        if (peer !== this.#peer || this.#closed) return;
        stream ??= new MediaStream();
        stream.addTrack(track);
        this.#options.onRemoteStream(stream);
      };
      if (track.muted) track.addEventListener("unmute", show, { once: true });
      else show();
    };
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
        this.#clock.clearTimeout(this.#recovery);
        this.#recovery = null;
        this.#freshStarts = FRESH_STARTS;
        this.#restarts = 0;
        this.#wasConnected = true;
        this.#renewal.plan(this.#offering);
        this.#watchTransport(peer);
        this.#listen();
        return this.#options.onProgress("connected");
      case "disconnected":
        return this.#interrupted(HEALING);
      case "failed":
        return this.#wasConnected ? this.#interrupted(0) : this.#recover();
    }
  }

  /** @param {number} delay until ICE is restarted */
  #interrupted(delay) {
    this.#recovery ??= this.#clock.setTimeout(() => this.#options.onProgress("failed"), RECOVERY_PATIENCE);
    this.#options.onProgress("interrupted");
    this.#watchRestart(delay);
  }

  /** @param {number} delay */
  #watchRestart(delay) {
    this.#watch(this.#offering ? delay : delay + COURTESY, () => {
      if (this.#peer.connectionState !== "connected") this.#restart();
    });
  }

  #restart() {
    this.#watchRestart(RESTART_PAUSE);
    this.#restarts += 1;
    this.#step(async () => {
      await this.#renewal.renew(this.#peer, this.#offering);
      if (this.#restarts > ICE_RESTARTS) this.#startAfresh();
      else this.#peer.restartIce();
      await this.#sendOffer();
    });
  }

  #renew() {
    this.#step(async () => {
      const renewed = await this.#renewal.renew(this.#peer, this.#offering);
      // While it is interrupted, it is restarted anyway.
      if (!renewed || this.#recovery !== null || !isRelayed(await this.#peer.getStats())) return;
      this.#peer.restartIce();
      await this.#sendOffer();
    });
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

  #listen() {
    this.#clock.clearTimeout(this.#listening);
    this.#listening = this.#clock.setTimeout(async () => {
      const received = packetsIn(await this.#peer.getStats());
      if (this.#closed) return;
      const connected = this.#peer.connectionState === "connected";
      const silent = received === this.#received;
      this.#received = received;
      if (connected && !silent) this.#silences = this.#restarts = 0;
      else if (connected && this.#silences < ICE_RESTARTS) {
        this.#silences += 1;
        this.#restart();
      }
      this.#listen();
    }, SILENCE);
  }

  #connecting() {
    if (this.#closed || this.#peer.connectionState === "connected") return;
    if (this.#wasConnected) return this.#watchRestart(RESTART_PAUSE);
    this.#options.onProgress("connecting");
    this.#watch(CONNECT_PATIENCE, () => this.#recover());
  }

  /**
   * @param {number} milliseconds
   * @param {() => void} otherwise what is done if the connection is not there by then
   */
  #watch(milliseconds, otherwise) {
    this.#clock.clearTimeout(this.#watchdog);
    this.#watchdog = this.#clock.setTimeout(otherwise, milliseconds);
  }

  /** One more try: the side whose offer was answered makes a fresh one, the other waits for it. */
  #recover() {
    if (this.#freshStarts === 0) return this.#options.onProgress("failed");
    this.#freshStarts -= 1;
    this.#options.onProgress("interrupted");
    this.#watch(CONNECT_PATIENCE, () => this.#recover());
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

/** @param {RTCStatsReport} stats */
function packetsIn(stats) {
  return [...stats.values()].reduce((total, { type, packetsReceived = 0 }) => total + (type === "inbound-rtp" ? packetsReceived : 0), 0);
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
