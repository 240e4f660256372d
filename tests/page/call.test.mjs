import assert from "node:assert/strict";
import { test } from "node:test";
import { MediaError } from "../../client/lib/media.js";
import { FakeChannel, candidate, sdp, settled } from "./fakes.mjs";
import { Page, befriended, connected, deliver } from "./pages.mjs";

const offer = (session = 1000) => ({ type: "SDP", payload: { type: "offer", sdp: sdp(session) } });
const denied = new MediaError("denied", null);

test("a call rings, is accepted, connects, and ends on both sides", async () => {
  const [caller, callee] = await connected();
  assert.deepEqual(caller.states, ["calling", "connecting", "connected"]);
  assert.deepEqual(callee.states, ["ringing", "connecting", "connected"]);
  callee.call.hangUp();
  await deliver(caller, callee);
  assert.deepEqual([caller.reason, callee.reason], ["left", "hangup"]);
  for (const page of [caller, callee]) {
    assert.ok(page.peers.every(({ closed }) => closed));
    assert.ok(page.streams.every(({ tracks }) => tracks.every(({ stopped }) => stopped)));
  }
});

test("nothing leaves the callee before it accepts: no camera, no connection, no message", async () => {
  const callee = new Page("b=");
  callee.receive(offer(), "a=");
  callee.receive({ type: "ICE", payload: candidate(1000) }, "a=");
  await settled();
  assert.equal(callee.state, "ringing");
  assert.deepEqual([callee.streams, callee.peers, callee.outbox], [[], [], []]);
});

test("candidates that came before the offer and while it rang are added after it", async () => {
  const callee = new Page("b=");
  callee.receive({ type: "ICE", payload: candidate(1000, "before") }, "a=");
  callee.receive(offer(), "a=");
  callee.receive({ type: "ICE", payload: candidate(1000, "refused by the browser") }, "a=");
  callee.receive({ type: "ICE", payload: candidate(1000, "ringing") }, "a=");
  callee.receive({ type: "ICE", payload: candidate(1000, "stranger") }, "c=");
  callee.receive({ type: "ICE", payload: null }, "a=");
  await callee.call.accept();
  callee.receive({ type: "ICE", payload: candidate(1000, "after") }, "a=");
  await deliver(callee);
  assert.deepEqual(callee.peers[0].candidates, ["before", "ringing", "after"]);
  assert.equal(callee.peers[0].localDescription.type, "answer");
});

test("a configuration that the browser refuses ends the call and the camera", async (context) => {
  context.mock.method(console, "error", () => {});
  const page = new Page("a=");
  page.peerError = new SyntaxError("'urls' is not a valid ICE server");
  page.call.call("b=");
  await deliver(page);
  assert.deepEqual([page.state, page.reason], ["ended", "no-path"]);
  assert.ok(page.streams.every(({ tracks }) => tracks.every(({ stopped }) => stopped)) && page.streams.length === 1);
});

test("a flood of candidates is not kept", async () => {
  const callee = new Page("b=");
  callee.receive(offer(), "a=");
  for (let count = 0; count < 1_000; count += 1) callee.receive({ type: "ICE", payload: candidate(1000, `c${count}`) }, "a=");
  await callee.call.accept();
  await deliver(callee);
  assert.equal(callee.peers[0].candidates.length, 100);
});

for (const delays of [[0, 0], [0, 1], [1, 0], [0, 2], [0, 3], [3, 0], [0, 5], [5, 0]]) {
  test(`both call at once, started ${delays} steps late: one connection, no failed call`, async () => {
    const pages = [new Page("a="), new Page("b=")];
    const press = async (page, peer, delay) => {
      for (let step = 0; step < delay; step += 1) await settled();
      await page.call.call(peer);
    };
    await Promise.all([press(pages[0], "b=", delays[0]), press(pages[1], "a=", delays[1]), deliver(...pages)]);
    await deliver(...pages);
    assert.deepEqual(pages.map(({ state }) => state), ["connecting", "connecting"]);
    const [a, b] = pages.map(({ peers }) => peers.filter(({ closed }) => !closed));
    assert.deepEqual([a.length, b.length], [1, 1]);
    assert.equal(a[0].remoteDescription.sdp, b[0].localDescription.sdp);
    assert.equal(b[0].remoteDescription.sdp, a[0].localDescription.sdp);
  });
}

test("a second caller is told busy and changes nothing", async () => {
  const [caller, callee] = await connected();
  callee.receive(offer(), "c=");
  callee.receive({ type: "BYE", payload: {} }, "c=");
  assert.deepEqual(callee.outbox, [{ to: "c=", type: "BYE", payload: { reason: "busy" } }]);
  assert.deepEqual([caller.state, callee.state], ["connected", "connected"]);
});

test("declining tells the caller, who may call again", async () => {
  const pages = [new Page("a="), new Page("b=")];
  const [caller, callee] = pages;
  caller.call.call("b=");
  await deliver(...pages);
  callee.call.hangUp();
  await deliver(...pages);
  assert.deepEqual([caller.reason, callee.reason], ["declined", "refused"]);
  caller.call.call("b=");
  await deliver(...pages);
  assert.deepEqual([caller.state, callee.state], ["calling", "ringing"]);
});

test("nobody answers: both sides stop ringing", async () => {
  const pages = [new Page("a="), new Page("b=")];
  const [caller, callee] = pages;
  caller.call.call("b=");
  await deliver(...pages);
  await callee.clock.advance(30_000);
  assert.equal(callee.reason, "missed");
  await caller.clock.advance(30_000);
  assert.equal(caller.reason, "no-answer");
});

test("hanging up while the camera opens leaves it off", async () => {
  const caller = new Page("a=");
  const call = caller.call.call("b=");
  caller.call.hangUp();
  await call;
  assert.deepEqual([caller.reason, caller.peers.length, caller.sent("SDP").length], ["hangup", 0, 0]);
  assert.ok(caller.streams[0].tracks.every(({ stopped }) => stopped));
});

test("the caller's camera is refused: the call ends with the error", async () => {
  const caller = new Page("a=");
  caller.mediaError = denied;
  await caller.call.call("b=");
  assert.deepEqual([caller.reason, caller.call.view.mediaError, caller.outbox], ["media", denied, []]);
});

test("the callee's camera is refused: it rings on, and accepting again works", async () => {
  const callee = new Page("b=");
  callee.mediaError = denied;
  callee.receive(offer(), "a=");
  await callee.call.accept();
  assert.deepEqual([callee.state, callee.call.view.mediaError, callee.outbox], ["ringing", denied, []]);
  callee.mediaError = null;
  await callee.call.accept();
  await deliver(callee);
  assert.equal(callee.peers[0].localDescription.type, "answer");
});

test("each side knows whether the other is muted, from the start and after a change", async () => {
  const pages = await connected();
  const [caller, callee] = pages;
  assert.equal(caller.call.view.remote, null);
  callee.call.tellStatus({ muted: true, camera: true, sharing: false });
  FakeChannel.connect(...pages.map(({ peers }) => peers[0].channel));
  assert.deepEqual(caller.call.view.remote, { muted: true, camera: true, sharing: false });
  callee.call.tellStatus({ muted: false, camera: false, sharing: true });
  assert.deepEqual(caller.call.view.remote, { muted: false, camera: false, sharing: true });
});

test("what is written arrives, and only from the page at the other end", async () => {
  const pages = await befriended();
  assert.equal(pages[0].call.chat("<b>hello</b>"), true);
  assert.deepEqual(pages.map(({ chats }) => chats), [[], ["<b>hello</b>"]]);
  pages[0].call.hangUp();
  assert.equal(pages[0].call.chat("too late"), false);
});

test("tracks are replaced without a new offer, also after a fresh start", async () => {
  const pages = await connected();
  const [caller] = pages;
  const screen = { kind: "video" };
  caller.call.replaceTrack("video", screen);
  await deliver(...pages);
  assert.deepEqual(caller.peers[0].transceivers.map(({ sender }) => sender.track?.kind), ["audio", "video"]);
  assert.equal(caller.peers[0].transceivers[1].sender.track, screen);
  assert.equal(caller.outbox.length, 0);
});

test("somebody who rings again and again is told busy for a while", async () => {
  const callee = new Page("b=");
  for (let ring = 0; ring < 4; ring += 1) {
    callee.receive(offer(100 + ring), "a=");
    callee.call.hangUp();
  }
  assert.deepEqual(callee.sent("BYE").map(({ reason }) => reason), ["declined", "declined", "declined", "busy"]);
  callee.receive(offer(), "c=");
  assert.equal(callee.call.view.peer, "c=");
  callee.call.hangUp();
  await callee.clock.advance(60_000);
  callee.receive(offer(200), "a=");
  assert.equal(callee.state, "ringing");
});

test("many who ring one after the other cannot ring all the time", () => {
  const callee = new Page("b=");
  for (let ring = 0; ring < 50; ring += 1) {
    callee.receive(offer(300 + ring), `s${ring}=`);
    callee.call.hangUp();
  }
  assert.equal(callee.states.filter((state) => state === "ringing").length, 12);
});

test("candidates of a fresh start that overtake its offer wait for it", async () => {
  const [, callee] = await connected();
  callee.receive({ type: "ICE", payload: candidate(5000, "fresh") }, "a=");
  await settled();
  callee.receive(offer(5000), "a=");
  await deliver(callee);
  assert.deepEqual(callee.peers.map(({ candidates }) => candidates), [[], ["fresh"]]);
});

test("the peer is gone before the call connects", async () => {
  const pages = [new Page("a="), new Page("b=")];
  pages[0].call.call("b=");
  await deliver(...pages);
  pages[1].call.accept();
  await deliver(...pages);
  pages[1].call.relayFailed({ code: "peer_gone", message: "" });
  assert.equal(pages[1].reason, "left");
});

test("a peer that closes its connection without a word has hung up, unless it is starting afresh", async () => {
  const closeTransport = (page) => {
    page.peers[0].transport.state = "closed";
    page.peers[0].transport.onstatechange();
  };
  const [caller, callee] = await connected();
  closeTransport(caller);
  assert.equal(caller.reason, "left");
  callee.peers[0].become("disconnected");
  closeTransport(callee);
  assert.equal(callee.state, "reconnecting");
});

test("the relay says why a call does not get through", async () => {
  const reasons = { peer_gone: "peer-gone", not_permitted: "not-permitted", throttled: "throttled",
    message_too_large: "too-large", bad_request: "relay", unexpected: "relay", service: "relay", constructor: "relay" };
  for (const [code, reason] of Object.entries(reasons)) {
    const caller = new Page("a=");
    await caller.call.call("b=");
    caller.call.relayFailed({ code, message: "" });
    assert.equal(caller.reason, reason);
  }
});

test("a relay failure about an earlier call does not end this one", async () => {
  const caller = new Page("a=");
  const call = caller.call.call("b=");
  caller.call.relayFailed({ code: "peer_gone", message: "" });
  await call;
  assert.equal(caller.state, "calling");
});

test("a connected call outlives its socket; one that is not connected cannot", async () => {
  const [caller] = await connected();
  caller.call.relayFailed({ code: "peer_gone", message: "" });
  caller.call.signalingLost();
  assert.equal(caller.state, "connected");
  const waiting = new Page("c=");
  await waiting.call.call("d=");
  waiting.call.signalingLost();
  assert.equal(waiting.reason, "offline");
});

test("nobody but the peer can speak in a call", async () => {
  const [caller, callee] = await connected();
  const before = callee.peers[0].remoteDescription;
  callee.receive({ type: "SDP", payload: { type: "answer", sdp: sdp(7) } }, "c=");
  callee.receive({ type: "ICE", payload: candidate(caller.peers[0].session, "stranger") }, "c=");
  callee.receive({ type: "BYE", payload: { reason: "hangup" } }, "c=");
  await deliver(callee);
  assert.equal(callee.state, "connected");
  assert.equal(callee.peers[0].remoteDescription, before);
  assert.deepEqual(callee.peers[0].candidates, []);
});

test("odd payloads are nothing", async () => {
  const callee = new Page("b=");
  for (const payload of [null, 0, "x", [], { type: "answer", sdp: "v=0" }, { type: "offer" }]) callee.receive({ type: "SDP", payload }, "a=");
  callee.receive({ type: "BYE", payload: null }, "a=");
  assert.equal(callee.state, "idle");
});
