import assert from "node:assert/strict";
import { test } from "node:test";
import { IceSupply, canRelay, isRelayed, peerConfiguration, preparePeers } from "../../client/lib/ice.js";
import { FakeClock, settled } from "./fakes.mjs";

const STUN = { urls: "stun:stun.example:3478" };
const TURN = { urls: ["stun:turn.example:3478", "turns:turn.example:5349?transport=tcp"], username: "u", credential: "c" };

test("only with a TURN server can a call hide an address", () => {
  assert.equal(canRelay([]), false);
  assert.equal(canRelay([STUN, { urls: ["stun:turn:3478", "stuns:turns"] }]), false);
  assert.equal(canRelay([STUN, TURN]), true);
  assert.equal(canRelay([{ urls: "TURN:turn.example" }]), true);
});

test("who hides their address is reached over the relay server alone, everybody else by any path", () => {
  assert.deepEqual(peerConfiguration([STUN, TURN], true), { iceServers: [STUN, TURN], iceTransportPolicy: "relay" });
  assert.equal(peerConfiguration([STUN, TURN], false).iceTransportPolicy, "all");
});

test("an address that is to be hidden stays so where no server relays any more", () => {
  assert.equal(peerConfiguration([STUN], true).iceTransportPolicy, "relay");
});

const credentials = (username) => ({ servers: [{ ...TURN, username }], expiresIn: 600, failure: null });
const names = (servers) => servers.map(({ username = "stun" }) => username);

/** A supply whose relay answers when a test says so. */
function start() {
  const clock = new FakeClock();
  const relay = { asked: 0, reachable: true };
  const supply = new IceSupply([STUN], { ask: () => (relay.asked += 1, relay.reachable), clock });
  return { clock, relay, supply };
}

async function supplied(username = "one") {
  const all = start();
  const current = all.supply.current();
  all.supply.receive(credentials(username));
  await current;
  return all;
}

test("a call waits for the relay's servers, and several askers ask once", async () => {
  const { relay, supply } = start();
  assert.equal(supply.renewalDelay(), null);
  const all = [supply.current(), supply.current()];
  supply.receive(credentials("one"));
  for (const servers of await Promise.all(all)) assert.deepEqual(names(servers), ["stun", "one"]);
  assert.equal(relay.asked, 1);
});

test("a call begins without the relay's servers where it has none, does not answer, or cannot be asked", async () => {
  const { clock, relay, supply } = start();
  const refused = supply.current();
  supply.receive({ servers: [], expiresIn: 0, failure: { code: "throttled", message: "later" } });
  assert.deepEqual(names(await refused), ["stun"]);

  const unanswered = supply.current();
  await clock.advance(4_000);
  assert.deepEqual(names(await unanswered), ["stun"]);
  supply.receive(credentials("late"));
  assert.deepEqual(names(await supply.current()), ["stun", "late"], "what comes late serves later");

  await clock.advance(600_000);
  relay.reachable = false;
  assert.deepEqual(names(await supply.current()), ["stun"], "expired credentials are none");
});

test("credentials are used again for half their life and then asked for anew", async () => {
  const { clock, relay, supply } = await supplied();
  await clock.advance(299_000);
  const before = await supply.current();
  assert.equal(relay.asked, 1);
  await clock.advance(1_000);
  relay.reachable = false;
  assert.equal(await supply.current(), before, "what is still good is better than nothing");
  relay.reachable = true;
  const fresh = supply.current();
  supply.receive(credentials("two"));
  assert.deepEqual(names(await fresh), ["stun", "two"]);
});

test("in a call they are due after three quarters of their life, and a failed renewal is tried again", async () => {
  const { clock, supply } = await supplied();
  assert.equal(supply.renewalDelay(), 450_000);
  await clock.advance(440_000);
  assert.equal(supply.renewalDelay(), 75_000);
  supply.receive({ servers: [], expiresIn: 12, failure: null });
  assert.equal(supply.renewalDelay(), 9_000);
  await clock.advance(9_000);
  assert.equal(supply.renewalDelay(), 2_000);
});

test("a peer connection gets new servers once, and the next one is made with them", async () => {
  const { clock, supply } = await supplied();
  const made = [];
  const make = (configuration) => {
    made.push(configuration);
    return { signalingState: "stable", set: [], setConfiguration(next) { this.set.push(next); } };
  };
  const peers = await preparePeers(supply, true, make);
  const peer = peers.create();
  assert.deepEqual([names(made[0].iceServers), made[0].iceTransportPolicy], [["stun", "one"], "relay"]);
  assert.equal(await peers.renew(peer), false);

  await clock.advance(450_000);
  const renewed = peers.renew(peer);
  await settled();
  supply.receive(credentials("two"));
  assert.equal(await renewed, true);
  assert.equal(await peers.renew(peer), false);
  assert.deepEqual(peer.set.map(({ iceServers }) => names(iceServers)), [["stun", "two"]]);
  assert.equal(peer.set[0].iceTransportPolicy, "relay", "what is hidden stays hidden");
  peers.create();
  assert.deepEqual(names(made[1].iceServers), ["stun", "two"]);

  supply.receive(credentials("three"));
  assert.equal(await peers.renew({ signalingState: "closed" }), false, "nothing is renewed for a call that is over");
});

test("a call is relayed if our own candidate in use is", () => {
  const stats = (ours, theirs) => new Map(Object.entries({
    T: { type: "transport", selectedCandidatePairId: "P" },
    P: { type: "candidate-pair", localCandidateId: "L", remoteCandidateId: "R" },
    Q: { type: "candidate-pair", nominated: true, state: "succeeded", localCandidateId: "R" },
    L: { candidateType: ours },
    R: { candidateType: theirs },
  }));
  assert.equal(isRelayed(stats("relay", "host")), true);
  assert.equal(isRelayed(stats("srflx", "relay")), false);
  assert.equal(isRelayed(new Map()), false);
  const firefox = new Map([["Q", { type: "candidate-pair", nominated: true, state: "succeeded", localCandidateId: "L" }],
    ["L", { candidateType: "relay" }]]);
  assert.equal(isRelayed(firefox), true);
});
