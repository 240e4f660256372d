import assert from "node:assert/strict";
import { test } from "node:test";
import { canRelay, peerConfiguration } from "../../client/lib/ice.js";

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
