import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_FRAME_BYTES, encodeMessage, parseFrame, readCandidate, readDescription, readGoodbye } from "../../client/lib/wire.js";

const frame = (value) => parseFrame(JSON.stringify(value));

test("frames of the relay, the other side and the service are told apart", () => {
  assert.deepEqual(frame({ connectionId: "a=" }), { kind: "answer", connectionId: "a=", failure: null });
  assert.deepEqual(frame({ connectionId: "a=", error: { code: "peer_gone", message: "gone" } }), {
    kind: "answer", connectionId: "a=", failure: { code: "peer_gone", message: "gone" },
  });
  assert.deepEqual(frame({ message: { type: "SDP", payload: 1 }, from: "b=" }), {
    kind: "relayed", from: "b=", type: "SDP", payload: 1,
  });
  assert.deepEqual(parseFrame('{"message": "Internal server error", "connectionId":"a=", "requestId":"r="}'), {
    kind: "service", message: "Internal server error", requestId: "r=",
  });
  assert.deepEqual(frame({ message: "Forbidden" }), { kind: "service", message: "Forbidden", requestId: "" });
});

test("ice servers are copied, capped, and such that a browser takes all of them", () => {
  const server = { urls: ["turn:turn.example:3478?transport=udp", "turns:[2001:db8::1]"], username: "1:x", credential: "c" };
  const answer = (iceServers, more) => frame({ connectionId: "a=", iceServers, expiresIn: 600, ...more });
  assert.deepEqual(answer([server]), {
    kind: "ice-servers", connectionId: "a=", answer: { servers: [server], expiresIn: 600, failure: null },
  });
  const odd = ["http://a", "turn:", "turn:a b", "turn:a?transport=sctp", "turn://a", 7, "turn:" + "a".repeat(2_000)];
  assert.deepEqual(answer([{ ...server, urls: [...odd, "turn:a"] }]).answer.servers, [{ ...server, urls: ["turn:a"] }]);
  assert.deepEqual(answer([null, 7, {}, { ...server, urls: odd }, { ...server, credential: undefined }]).answer.servers, []);
  assert.equal(answer(Array(50).fill(server)).answer.servers.length, 10);
  const refused = answer([], { expiresIn: "x", error: { code: "throttled", message: "later" } });
  assert.deepEqual(refused.answer, { servers: [], expiresIn: 0, failure: { code: "throttled", message: "later" } });
  assert.equal(frame({ connectionId: "a=", iceServers: true }).kind, "answer");
});

test("a message that looks like a service error is still a message when it comes from somebody", () => {
  assert.deepEqual(frame({ message: "Internal server error", from: "b=" }), { kind: "ignored" });
});

test("everything else is ignored, whatever it is", () => {
  const odd = ["", " ", "{", "null", "1", '"text"', "[]", "{}", '{"connectionId":7}', '{"connectionId":""}',
    '{"from":"b="}', '{"from":"b=","message":null}', '{"from":"b=","message":{"type":1}}'];
  for (const data of [...odd, new ArrayBuffer(2), undefined]) assert.deepEqual(parseFrame(data), { kind: "ignored" }, String(data));
});

test("a frame that API Gateway would answer by closing the socket is not made", () => {
  assert.equal(typeof encodeMessage("a=", "SDP", "x".repeat(MAX_FRAME_BYTES - 200)), "string");
  assert.equal(encodeMessage("a=", "SDP", "가".repeat(MAX_FRAME_BYTES / 3)), null);
});

test("descriptions are copied field by field and capped", () => {
  assert.deepEqual(readDescription({ type: "offer", sdp: "v=0", extra: 1 }), { type: "offer", sdp: "v=0", round: null });
  assert.deepEqual(readDescription({ type: "answer", sdp: "v=0", round: 7 }), { type: "answer", sdp: "v=0", round: 7 });
  const odd = [null, "offer", {}, { type: "offer" }, { type: "rollback", sdp: "" }, { type: "offer", sdp: "x".repeat(40_000) }];
  for (const payload of odd) assert.equal(readDescription(payload), null);
});

test("candidates are copied field by field and capped; the end-of-candidates forms are none", () => {
  assert.deepEqual(readCandidate({ candidate: "c", sdpMid: "0", sdpMLineIndex: 0, usernameFragment: "u", extra: 1 }), {
    candidate: "c", sdpMid: "0", sdpMLineIndex: 0, usernameFragment: "u",
  });
  for (const payload of [null, undefined, "", {}, { candidate: "" }, { candidate: 1 }, { candidate: "x".repeat(2_000) }]) {
    assert.equal(readCandidate(payload), null);
  }
});

test("an unknown goodbye is a plain one", () => {
  assert.equal(readGoodbye({ reason: "busy" }), "busy");
  for (const payload of [null, {}, { reason: "constructor" }, "busy"]) assert.equal(readGoodbye(payload), "hangup");
});
