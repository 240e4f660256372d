import assert from "node:assert/strict";
import { test } from "node:test";
import { sourceOf } from "../../client/lib/fence.js";

/** @param {string} url */
const source = (url) => sourceOf(new URL(url));

test("a policy names the relay with its path and port, and without what belongs to a single handshake", () => {
  assert.equal(source("wss://a1.execute-api.eu-west-1.amazonaws.com/prod"), "wss://a1.execute-api.eu-west-1.amazonaws.com/prod");
  assert.equal(source("ws://127.0.0.1:4580/_aws/execute-api/a1/prod?token=secret#x"), "ws://127.0.0.1:4580/_aws/execute-api/a1/prod");
});

test("no path ends the policy or begins another one", () => {
  assert.equal(source("wss://relay.test/a;b,c d'e"), "wss://relay.test/a%3Bb%2Cc%20d'e");
});

test("an address that policies have no words for is let through with its scheme", () => {
  assert.equal(source("ws://[::1]:4580/prod"), "ws:");
});
