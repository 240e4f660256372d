import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_CHAT_LENGTH, PeerChannel, readMessage } from "../../client/lib/channel.js";
import { FakeChannel } from "./fakes.mjs";

const read = (value) => readMessage(JSON.stringify(value));

test("messages are copied field by field", () => {
  assert.deepEqual(read({ type: "identity", connectionId: "a=", token: "t", extra: 1 }), { type: "identity", connectionId: "a=", token: "t" });
  assert.deepEqual(read({ type: "status", muted: true, camera: 1 }), { type: "status", muted: true, camera: false, sharing: false });
  assert.deepEqual(read({ type: "chat", text: "hi" }), { type: "chat", text: "hi" });
});

test("what is odd or too large is nothing", () => {
  for (const value of [null, 1, "x", [], {}, { type: "identity" }, { type: "identity", connectionId: "", token: "t" }, { type: "chat" },
    { type: "chat", text: " " }, { type: "chat", text: 1 }, { type: "constructor" }, { type: "chat", text: "x".repeat(9_000) }]) {
    assert.equal(read(value), null);
  }
  for (const data of ["", "{", new ArrayBuffer(2), undefined]) assert.equal(readMessage(data), null);
});

test("a long text is cut", () => {
  assert.equal(read({ type: "chat", text: "x".repeat(3_000) }).text.length, MAX_CHAT_LENGTH);
});

test("a channel that was replaced is not heard, and nothing is sent on one that is not open", () => {
  const heard = [];
  const channel = new PeerChannel({ onOpen: () => heard.push("open"), onMessage: ({ text }) => heard.push(text) });
  assert.equal(channel.send({ type: "chat", text: "x" }), false);
  const [old, next, other] = [new FakeChannel(), new FakeChannel(), new FakeChannel()];
  channel.attach(old);
  channel.attach(next);
  other.onopen = () => {};
  FakeChannel.connect(next, other);
  old.onopen();
  old.onmessage({ data: '{"type":"chat","text":"old"}' });
  other.send('{"type":"chat","text":"new"}');
  assert.deepEqual(heard, ["open", "new"]);
  channel.attach(null);
  assert.equal(channel.send({ type: "chat", text: "x" }), false);
});
