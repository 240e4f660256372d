/** Stand-ins for what a browser gives the page: a clock that moves by hand, a socket, a peer connection. */

export class FakeClock {
  now = 0;
  timers = new Map();
  #next = 1;

  setTimeout(callback, milliseconds) {
    const timer = this.#next++;
    this.timers.set(timer, { at: this.now + milliseconds, callback });
    return timer;
  }

  time() {
    return this.now;
  }

  clearTimeout(timer) {
    this.timers.delete(timer);
  }

  /** Runs everything that is due within so many milliseconds, in order. */
  async advance(milliseconds) {
    const end = this.now + milliseconds;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      const [timer, { at, callback }] = due;
      this.timers.delete(timer);
      this.now = at;
      callback();
      await settled();
    }
    this.now = end;
  }
}

/** Lets every promise that can go on go on. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}

export class FakeSocket {
  readyState = 0;
  sent = [];

  send(frame) {
    this.sent.push(frame);
  }

  close() {
    this.readyState = 3;
  }

  open() {
    this.readyState = 1;
    this.onopen();
  }

  receive(value) {
    this.onmessage({ data: typeof value === "string" ? value : JSON.stringify(value) });
  }

  drop() {
    this.readyState = 3;
    this.onclose();
  }
}

export class FakeStream {
  constructor(...kinds) {
    this.tracks = kinds.map((kind) => ({ kind, stopped: false, stop() { this.stopped = true; } }));
  }

  getTracks() {
    return this.tracks;
  }
}

/** One end of a channel between two pages; `connect` joins two of them. */
export class FakeChannel {
  readyState = "connecting";
  other = null;

  constructor(options) {
    this.options = options;
  }

  static connect(one, other) {
    Object.assign(one, { other, readyState: "open" });
    Object.assign(other, { other: one, readyState: "open" });
    one.onopen();
    other.onopen();
  }

  send(data) {
    this.other.onmessage({ data });
  }
}

/** Holds to the signalling states of the specification: what is called in the wrong one is refused, as a browser would. */
export class FakePeer {
  static created = 0;
  signalingState = "stable";
  connectionState = "new";
  localDescription = null;
  remoteDescription = null;
  candidates = [];
  transceivers = [];
  transport = { state: "connected" };
  restarts = 0;
  received = 0;
  relayed = false;
  closed = false;

  constructor() {
    this.session = ++FakePeer.created;
  }

  addTrack(track) {
    this.addTransceiver(track.kind, { direction: "sendrecv" }).sender.track = track;
  }

  addTransceiver(kind, { direction }) {
    const sender = { track: null, async replaceTrack(track) { this.track = track; } };
    const transceiver = { direction, sender, receiver: { track: { kind }, transport: this.transport } };
    this.transceivers.push(transceiver);
    return transceiver;
  }

  createDataChannel(label, options) {
    this.channel = new FakeChannel(options);
    return this.channel;
  }

  restartIce() {
    this.restarts += 1;
  }

  getTransceivers() {
    return this.transceivers;
  }

  async getStats() {
    const inbound = { type: "inbound-rtp", packetsReceived: this.received };
    return new Map([
      ["audio", inbound],
      ["path", { type: "transport", packetsReceived: performance.now(), selectedCandidatePairId: "pair" }],
      ["pair", { type: "candidate-pair", localCandidateId: "ours" }],
      ["ours", { type: "local-candidate", candidateType: this.relayed ? "relay" : "host" }],
    ]);
  }

  getReceivers() {
    return this.transceivers.map(({ receiver }) => receiver);
  }

  async setLocalDescription() {
    await settled();
    const type = this.signalingState === "have-remote-offer" ? "answer" : "offer";
    this.localDescription = { type, sdp: sdp(this.session) };
    this.signalingState = type === "offer" ? "have-local-offer" : "stable";
  }

  async setRemoteDescription(description) {
    const wanted = description.type === "offer" ? ["stable", "have-local-offer"] : ["have-local-offer"];
    if (!wanted.includes(this.signalingState)) throw new Error(`Called in wrong state: ${this.signalingState}`);
    // As Chromium now and then: after a rollback of its first offer it never gathers a candidate.
    if (description.type === "offer" && this.signalingState === "have-local-offer" && this.remoteDescription === null) {
      throw new Error("A first offer was rolled back");
    }
    await settled();
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
  }

  async addIceCandidate(candidate) {
    if (this.remoteDescription === null) throw new Error("The remote description was null");
    const known = this.remoteDescription.sdp.includes(`a=ice-ufrag:${candidate.usernameFragment}\r\n`);
    if (!known || candidate.candidate.includes("refused")) throw new Error("Error processing ICE candidate");
    this.candidates.push(candidate.candidate);
  }

  close() {
    this.closed = true;
    this.signalingState = "closed";
  }

  become(connectionState) {
    this.connectionState = connectionState;
    this.onconnectionstatechange();
  }
}

export function sdp(session) {
  return `v=0\r\no=- ${session} 2 IN IP4 127.0.0.1\r\na=ice-ufrag:u${session}\r\n`;
}

export function candidate(session, name = "candidate") {
  return { candidate: name, sdpMid: "0", sdpMLineIndex: 0, usernameFragment: `u${session}` };
}
