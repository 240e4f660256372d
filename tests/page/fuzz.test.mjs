// Whatever arrives in a frame was written by somebody else: nothing of it may throw, and nothing unchecked may come through.
// FUZZ_SEED repeats a run, FUZZ_CASES makes it longer.
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeMessage, parseFrame, readCandidate, readDescription, readGoodbye, readRebind,
} from "../../client/lib/wire.js";

const seed = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
const cases = Number(process.env.FUZZ_CASES ?? 20_000);

/** mulberry32 */
function generator(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KEYS = ["connectionId", "message", "from", "type", "payload", "sdp", "candidate", "sdpMid", "sdpMLineIndex", "round",
  "usernameFragment", "error", "code", "requestId", "reason", "token", "iceServers", "urls", "expiresIn", "__proto__", "constructor", "toString", "length", ""];
const TEXTS = ["", "a=", "offer", "answer", "SDP", "ICE", "BYE", "busy", "\u0000", "\ud800", "🦀", "__proto__", "x".repeat(200), "y".repeat(40_000)];
const NUMBERS = [0, -0, 1, -1, 1.5, 2 ** 53, 1e308, 1e-320];

function anything(random, depth = 0) {
  const choose = (list) => list[Math.floor(random() * list.length)];
  switch (Math.floor(random() * (depth > 4 ? 4 : 7))) {
    case 0: return choose(TEXTS);
    case 1: return choose(NUMBERS);
    case 2: return choose([true, false]);
    case 3: return null;
    case 4: return Array.from({ length: Math.floor(random() * 4) }, () => anything(random, depth + 1));
    default: {
      const members = Array.from({ length: Math.floor(random() * 5) }, () => [choose(KEYS), anything(random, depth + 1)]);
      return Object.fromEntries(members);
    }
  }
}

/** A frame as the relay or the other side sends it, with anything inside. */
function frame(random) {
  const shapes = [
    () => ({ from: "b=", message: { type: "SDP", payload: anything(random) } }),
    () => ({ connectionId: "a=", error: anything(random) }),
    () => ({ connectionId: "a=", iceServers: [anything(random), { urls: [anything(random), "turn:a"], username: anything(random), credential: "c" }], expiresIn: anything(random) }),
    () => ({ message: "Internal server error", requestId: anything(random) }),
    () => anything(random),
  ];
  return shapes[Math.floor(random() * shapes.length)]();
}

function bent(text, random) {
  if (random() < 0.7) return text;
  const at = Math.floor(random() * (text.length + 1));
  return random() < 0.5 ? text.slice(0, at) : text.slice(0, at) + TEXTS[Math.floor(random() * TEXTS.length)] + text.slice(at + 1);
}

const isId = (value) => typeof value === "string" && value.length > 0 && value.length <= 128;

function checkFrame(frame) {
  switch (frame.kind) {
    case "ignored":
      return;
    case "answer":
      assert.ok(isId(frame.connectionId));
      if (frame.failure !== null) assert.equal(typeof frame.failure.code + typeof frame.failure.message, "stringstring");
      return;
    case "ice-servers": {
      const { servers, expiresIn, failure } = frame.answer;
      assert.ok(isId(frame.connectionId) && expiresIn >= 0 && expiresIn <= 86_400 && servers.length <= 10);
      assert.ok(failure === null || typeof failure.code === "string");
      for (const { urls, username, credential } of servers) {
        assert.ok(urls.length > 0 && urls.every((url) => /^(stuns?|turns?):[^/?\s]/.test(url)));
        assert.equal(typeof username + typeof credential, "stringstring");
      }
      return;
    }
    case "relayed":
      assert.ok(isId(frame.from));
      assert.equal(typeof frame.type, "string");
      return;
    case "service":
      assert.equal(typeof frame.message + typeof frame.requestId, "stringstring");
      return;
    default:
      assert.fail(`no such kind: ${frame.kind}`);
  }
}

function checkPayload(payload) {
  const description = readDescription(payload);
  if (description !== null) {
    assert.ok(["offer", "answer"].includes(description.type) && typeof description.sdp === "string");
    assert.ok(description.round === null || typeof description.round === "number");
  }
  const candidate = readCandidate(payload);
  if (candidate !== null) assert.ok(candidate.candidate.length > 0 && candidate.candidate.length <= 1024);
  assert.ok(["hangup", "declined", "busy", "no-answer", "no-path"].includes(readGoodbye(payload)));
  const token = readRebind(payload);
  assert.ok(token === null || isId(token));
}

test(`no frame throws, and what comes through is checked (FUZZ_SEED=${seed} FUZZ_CASES=${cases})`, () => {
  const random = generator(seed);
  const kinds = new Set();
  for (let number = 0; number < cases; number += 1) {
    const value = frame(random);
    const data = bent(JSON.stringify(value), random);
    try {
      const frame = parseFrame(data);
      kinds.add(frame.kind);
      checkFrame(frame);
      checkPayload(value);
      if (frame.kind === "relayed") checkPayload(frame.payload);
      const encoded = encodeMessage("a=", "SDP", value);
      assert.ok(encoded === null || new TextEncoder().encode(encoded).length <= 32 * 1024);
    } catch (error) {
      throw new Error(`case ${number} of FUZZ_SEED=${seed}: ${data.slice(0, 500)}`, { cause: error });
    }
  }
  assert.equal(Object.prototype.sdp, undefined, "no prototype was touched");
  if (cases >= 1_000) assert.deepEqual([...kinds].sort(), ["answer", "ice-servers", "ignored", "relayed", "service"], "every kind of frame was met");
});
