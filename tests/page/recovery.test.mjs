import assert from "node:assert/strict";
import { test } from "node:test";
import { sdp, settled } from "./fakes.mjs";
import { Page, befriended, connected, deliver } from "./pages.mjs";

test("a connection that never comes up is tried once more with new peer connections, then given up", async () => {
  const pages = [new Page("a="), new Page("b=")];
  const [caller, callee] = pages;
  caller.call.call("b=");
  await deliver(...pages);
  callee.call.accept();
  await deliver(...pages);
  await Promise.all(pages.map(({ clock }) => clock.advance(12_000)));
  await deliver(...pages);
  assert.deepEqual(pages.map(({ peers }) => peers.length), [2, 2]);
  assert.equal(callee.peers[1].remoteDescription.sdp, caller.peers[1].localDescription.sdp);
  assert.deepEqual(pages.map(({ state }) => state), ["reconnecting", "reconnecting"]);
  await caller.clock.advance(12_000);
  await deliver(...pages);
  assert.deepEqual([caller.reason, callee.reason], ["no-path", "no-path"]);
});

test("a call that breaks restarts ICE on the same connection, begun by the side that called", async () => {
  const pages = await connected();
  const [caller, callee] = pages;
  for (const { peers } of pages) peers[0].become("disconnected");
  assert.deepEqual(pages.map(({ state }) => state), ["reconnecting", "reconnecting"]);
  await Promise.all(pages.map(({ clock }) => clock.advance(2_500)));
  await deliver(...pages);
  assert.deepEqual([caller.peers[0].restarts, callee.peers[0].restarts], [1, 0]);
  for (const { peers } of pages) peers[0].become("connected");
  assert.deepEqual(pages.map(({ state }) => state), ["connected", "connected"]);
  await Promise.all(pages.map(({ clock }) => clock.advance(120_000)));
  assert.deepEqual(pages.map(({ state, peers }) => [state, peers.length]), [["connected", 1], ["connected", 1]]);
});

test("a call whose connection stays broken gets a new one, and the time it has been going on counts on", async () => {
  const pages = await connected();
  const [caller, callee] = pages;
  const since = caller.call.view.connectedAt;
  for (const { peers } of pages) peers[0].become("failed");
  for (let second = 0; second < 30 && callee.peers.length === 1; second += 1) {
    await Promise.all(pages.map(({ clock }) => clock.advance(1_000)));
    await deliver(...pages);
  }
  assert.equal(callee.peers[1].remoteDescription.sdp, caller.peers[1].localDescription.sdp);
  for (const { peers } of pages) peers[1].become("connected");
  assert.deepEqual(pages.map(({ state }) => state), ["connected", "connected"]);
  assert.equal(caller.call.view.connectedAt, since);
});

test("a call that stays broken for a minute ends", async () => {
  const pages = await connected();
  for (const { peers } of pages) peers[0].become("failed");
  await pages[0].clock.advance(59_000);
  assert.equal(pages[0].state, "reconnecting");
  await pages[0].clock.advance(1_000);
  assert.equal(pages[0].reason, "no-path");
});

test("the side that did not call restarts when only it has noticed", async () => {
  const pages = await connected();
  const [caller, callee] = pages;
  callee.peers[0].become("failed");
  await callee.clock.advance(3_500);
  await deliver(...pages);
  assert.equal(callee.peers[0].restarts, 1);
  assert.equal(callee.peers[0].remoteDescription.type, "answer");
  assert.equal(caller.state, "connected");
});

test("back on a network, ICE restarts at once", async () => {
  const pages = await connected();
  pages[1].call.networkChanged();
  await deliver(...pages);
  assert.equal(pages[1].peers[0].restarts, 1);
  await pages[1].clock.advance(60_000);
  assert.deepEqual([pages[1].peers[0].restarts, pages[1].state], [1, "connected"]);
});

/** Lets time pass in which something arrives on these connections, or nothing. */
async function pass(milliseconds, pages, arriving) {
  for (let passed = 0; passed < milliseconds; passed += 500) {
    for (const { peers } of arriving) peers.at(-1).received += 10;
    for (const { clock } of pages) await clock.advance(500);
    await deliver(...pages);
  }
}

test("a restart after which Firefox took in nothing is made again by the side that hears nothing", async () => {
  const pages = await connected();
  const [caller, callee] = pages;
  await pass(10_000, pages, pages);
  caller.call.networkChanged();
  await deliver(...pages);
  await pass(4_000, pages, [caller]);
  assert.deepEqual([caller.peers[0].restarts, callee.peers[0].restarts], [1, 1]);
  await pass(60_000, pages, pages);
  assert.deepEqual([caller.peers[0].restarts, callee.peers[0].restarts], [1, 1], "all is well again");
  assert.deepEqual([caller.peers.length, callee.peers.length], [1, 1]);
  await pass(4_000, pages, [caller]);
  assert.equal(callee.peers[0].restarts, 2, "the next silence counts anew");
});

test("somebody who turns everything off is not asked for it over and over", async () => {
  const pages = await connected();
  const [caller, callee] = pages;
  await pass(60_000, pages, []);
  assert.equal(callee.peers[0].restarts, 0, "who never sent anything may have nothing to send");
  await pass(5_000, pages, pages);
  await pass(120_000, pages, [caller]);
  assert.equal(callee.peers[0].restarts, 2);
  assert.deepEqual([caller.state, callee.state, callee.peers.length], ["connected", "connected", 1]);
});

test("the third change of network in a call that goes well is no reason to start afresh", async () => {
  const pages = await connected();
  for (let count = 0; count < 4; count += 1) {
    pages[1].call.networkChanged();
    await deliver(...pages);
    await pass(10_000, pages, pages);
  }
  assert.deepEqual(pages.map(({ peers }) => peers.length), [1, 1]);
  assert.equal(pages[1].peers[0].restarts, 4);
});

test("both back on a network at once: both restarts end in one agreement on the same connection", async () => {
  const pages = await connected();
  for (const { call } of pages) call.networkChanged();
  await deliver(...pages);
  const [a, b] = pages.map(({ peers }) => peers.at(-1));
  assert.deepEqual(pages.map(({ peers }) => peers.length), [1, 1]);
  assert.deepEqual([a.signalingState, b.signalingState], ["stable", "stable"]);
  assert.deepEqual([a.remoteDescription.type, b.remoteDescription.type].sort(), ["answer", "offer"]);
});

test("an answer to an offer that was replaced is not taken for the answer to the latest", async () => {
  const pages = await connected();
  const [caller, callee] = pages;
  caller.call.networkChanged();
  for (let step = 0; step < 10; step += 1) await settled();
  const [replaced] = caller.outbox.splice(0);
  caller.call.networkChanged();
  for (let step = 0; step < 10; step += 1) await settled();
  const [latest] = caller.outbox.splice(0);
  const before = caller.peers[0].remoteDescription;
  for (const offer of [replaced, latest]) callee.receive(offer, "a=");
  for (let step = 0; step < 20; step += 1) await settled();
  const [stale, answer] = callee.outbox.splice(0);
  caller.receive(stale, "b=");
  await settled();
  assert.equal(caller.peers[0].remoteDescription, before);
  caller.receive(answer, "b=");
  await deliver(...pages);
  assert.equal(caller.peers[0].signalingState, "stable");
});

test("one starts afresh while the other restarts: both end on new connections to each other", async () => {
  for (const [restarts, startsAfresh] of [[0, 1], [1, 0]]) {
    const pages = await connected();
    pages[startsAfresh].peers[0].become("failed");
    for (let count = 0; count < 2; count += 1) pages[startsAfresh].call.networkChanged();
    await settled();
    pages[startsAfresh].outbox.length = 0;
    pages[startsAfresh].call.networkChanged();
    pages[restarts].call.networkChanged();
    await deliver(...pages);
    const [a, b] = pages.map(({ peers }) => peers.at(-1));
    assert.deepEqual([a.remoteDescription.sdp, b.remoteDescription.sdp], [b.localDescription.sdp, a.localDescription.sdp]);
    assert.deepEqual([a.signalingState, b.signalingState], ["stable", "stable"]);
    assert.ok(pages.every(({ peers }) => peers.slice(0, -1).every(({ closed }) => closed)));
    assert.ok(a.session > 1 && pages.every(({ peers }) => peers.length > 1), "nobody kept the old one");
  }
});

test("a new id reaches the peer over the channel, and hanging up reaches the new id", async () => {
  const pages = await befriended();
  const [caller, callee] = pages;
  callee.call.signalingLost();
  callee.id = "n=";
  callee.call.signalingOpened();
  assert.equal(caller.call.view.peer, "n=");
  caller.call.hangUp();
  await deliver(...pages);
  assert.equal(callee.reason, "left");
});

test("a new id reaches the peer over the relay while the channel is down", async () => {
  const pages = await befriended();
  const [caller, callee] = pages;
  for (const { peers } of pages) peers[0].channel.readyState = "closing";
  for (const { peers } of pages) peers[0].become("failed");
  callee.id = "n=";
  caller.call.relayFailed({ code: "peer_gone", message: "" });
  assert.equal(caller.state, "reconnecting", "it may come back under another id");
  callee.call.signalingOpened();
  await deliver(...pages);
  assert.equal(caller.call.view.peer, "n=");
  assert.ok(caller.peers[0].restarts > 0);
  assert.deepEqual(pages.map(({ peers }) => peers[0].signalingState), ["stable", "stable"]);
});

test("a peer that does not come back under another id has left", async () => {
  const [caller] = await befriended();
  caller.peers[0].become("failed");
  caller.call.relayFailed({ code: "peer_gone", message: "" });
  await caller.clock.advance(60_000);
  assert.equal(caller.reason, "left");
});

test("a stranger without the proof does not take the peer's place", async () => {
  const [caller] = await befriended();
  for (const payload of [null, {}, { token: "" }, { token: "guess" }, { token: null }]) caller.call.receiveRebind(payload, "c=");
  assert.equal(caller.call.view.peer, "b=");
  const [plain] = await connected();
  for (const payload of [null, {}, { token: null }]) plain.call.receiveRebind(payload, "c=");
  assert.equal(plain.call.view.peer, "b=");
});

/** Two pages in a call that goes over a TURN server, whose credentials end. */
async function relayed() {
  const pages = [new Page("a="), new Page("b=")];
  for (const page of pages) Object.assign(page, { renewalDelay: 450_000, hasCredentials: true });
  const [caller, callee] = pages;
  caller.call.call("b=");
  await deliver(...pages);
  callee.call.accept();
  await deliver(...pages);
  for (const { peers } of pages) {
    peers[0].relayed = true;
    peers[0].become("connected");
  }
  return pages;
}

test("a relayed call moves to new credentials before the old ones end, once for both sides", async () => {
  const pages = await relayed();
  const [caller, callee] = pages;
  assert.deepEqual(pages.map(({ renewals }) => renewals.length), [0, 0], "what a call begins with is fresh");
  // Nothing arrives here, which is another story: something does.
  for (let second = 0; second < 450; second += 1) {
    for (const { peers } of pages) peers[0].received += 1;
    await Promise.all(pages.map(({ clock }) => clock.advance(1_000)));
  }
  await deliver(...pages);
  assert.deepEqual([caller.peers[0].restarts, callee.peers[0].restarts], [1, 0]);
  assert.deepEqual([caller.renewals, callee.renewals], [[caller.peers[0]], [callee.peers[0]]], "who answers gathers anew, too");
  assert.deepEqual(pages.map(({ state, peers }) => [state, peers.length]), [["connected", 1], ["connected", 1]]);
  // The callee's own turn was put off by that.
  for (let second = 0; second < 100; second += 1) {
    for (const { peers } of pages) peers[0].received += 1;
    await Promise.all(pages.map(({ clock }) => clock.advance(1_000)));
  }
  assert.equal(callee.peers[0].restarts, 0);
});

test("a call by a direct path, or one for which there are no new credentials, is left as it is", async () => {
  for (const change of [{ direct: true }, { hasCredentials: false }]) {
    const pages = await relayed();
    const [caller] = pages;
    caller.peers[0].relayed = !change.direct;
    caller.hasCredentials = change.hasCredentials ?? true;
    caller.outbox.length = 0;
    for (let second = 0; second < 450; second += 1) {
      for (const { peers } of pages) peers[0].received += 1;
      await Promise.all(pages.map(({ clock }) => clock.advance(1_000)));
    }
    await settled();
    assert.deepEqual([caller.renewals.length, caller.peers[0].restarts, caller.sent("SDP")], [1, 0, []]);
  }
});

test("an interrupted call gets credentials before it looks for a new path", async () => {
  const pages = await relayed();
  const [caller] = pages;
  for (const { peers } of pages) peers[0].become("failed");
  await Promise.all(pages.map(({ clock }) => clock.advance(100)));
  assert.deepEqual([caller.renewals.length, caller.peers[0].restarts], [1, 1]);
  caller.call.hangUp();
  await caller.clock.advance(1_000_000);
  assert.equal(caller.renewals.length, 1, "nothing is renewed for a call that is over");
});
