/** Two or more pages in one process, with everything between them in the hands of a test. */
import { Call } from "../../client/lib/call.js";
import { FakeChannel, FakeClock, FakePeer, FakeStream, settled } from "./fakes.mjs";

/** A page's call whose messages are kept until they are delivered, in whatever order a test likes. */
export class Page {
  clock = new FakeClock();
  peers = [];
  outbox = [];
  streams = [];
  states = [];
  chats = [];
  mediaError = null;
  peerError = null;
  /** The peer connections that were to get new credentials. */
  renewals = [];
  hasCredentials = false;
  renewalDelay = null;

  constructor(id) {
    this.id = id;
    this.call = new Call({
      ownId: () => this.id,
      onChat: (text) => this.chats.push(text),
      clock: this.clock,
      send: (to, type, payload) => Boolean(this.outbox.push({ to, type, payload })),
      openMedia: async () => {
        await settled();
        if (this.mediaError !== null) throw this.mediaError;
        this.streams.push(new FakeStream("audio", "video"));
        return { stream: this.streams.at(-1), shortage: null };
      },
      preparePeers: async () => ({
        create: () => {
          if (this.peerError !== null) throw this.peerError;
          this.peers.push(new FakePeer());
          return this.peers.at(-1);
        },
        renew: async (peer) => Boolean(this.renewals.push(peer)) && this.hasCredentials,
        renewalDelay: () => this.renewalDelay,
      }),
      onChange: ({ state }) => state !== this.states.at(-1) && this.states.push(state),
    });
  }

  get state() {
    return this.call.view.state;
  }

  get reason() {
    return this.call.view.reason;
  }

  receive({ type, payload }, from) {
    const copy = JSON.parse(JSON.stringify(payload));
    if (type === "SDP") this.call.receiveDescription(copy, from);
    if (type === "ICE") this.call.receiveCandidate(copy, from);
    if (type === "REBIND") this.call.receiveRebind(copy, from);
    if (type === "BYE") this.call.receiveGoodbye(copy, from);
  }

  sent(type) {
    return this.outbox.filter((message) => message.type === type).map(({ payload }) => payload);
  }
}

/** Delivers what the pages have sent each other, until nothing more comes. */
export async function deliver(...pages) {
  for (let round = 0; round < 40; round += 1) {
    await settled();
    for (const sender of pages) {
      for (const message of sender.outbox.splice(0)) pages.find(({ id }) => id === message.to)?.receive(message, sender.id);
    }
  }
}

export async function connected() {
  const pages = [new Page("a="), new Page("b=")];
  const [caller, callee] = pages;
  caller.call.call(callee.id);
  await deliver(...pages);
  callee.call.accept();
  await deliver(...pages);
  for (const { peers } of pages) peers.at(-1).become("connected");
  return pages;
}

/** A call between two pages of this kind, which also have a channel to each other. */
export async function befriended() {
  const pages = await connected();
  FakeChannel.connect(...pages.map(({ peers }) => peers.at(-1).channel));
  return pages;
}
