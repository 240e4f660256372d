import assert from "node:assert/strict";
import { test } from "node:test";
import { closeStream, mediaProblem, openMedia } from "../../client/lib/media.js";
import { FakeStream } from "./fakes.mjs";

const named = (name) => Object.assign(new Error(name), { name });

/** Devices that have a camera or a microphone or not, and fail in one way. */
function devices({ audio = false, video = false, failure = "NotFoundError" }) {
  const asked = [];
  return {
    asked,
    async getUserMedia(constraints) {
      asked.push(constraints);
      if ((constraints.audio && !audio) || (constraints.video && !video)) throw named(failure);
      return new FakeStream(...Object.keys(constraints).filter((kind) => constraints[kind]));
    },
  };
}

const open = async (options) => {
  const { stream, shortage } = await openMedia(devices(options), () => new FakeStream());
  return [stream.getTracks().map(({ kind }) => kind), shortage];
};

test("as much is opened as there is", async () => {
  assert.deepEqual(await open({ audio: true, video: true }), [["audio", "video"], null]);
  assert.deepEqual(await open({ audio: true }), [["audio"], "no-camera"]);
  assert.deepEqual(await open({ video: true }), [["video"], "no-microphone"]);
  assert.deepEqual(await open({}), [[], "watch-only"]);
});

test("a camera in use does not stop a call with sound", async () => {
  assert.deepEqual(await open({ audio: true, failure: "NotReadableError" }), [["audio"], "no-camera"]);
});

test("a refusal is not asked about again", async () => {
  const denied = devices({ failure: "NotAllowedError" });
  await assert.rejects(openMedia(denied), { problem: "denied" });
  assert.equal(denied.asked.length, 1);
});

test("a page that is not secure has no devices at all", async () => {
  await assert.rejects(openMedia(undefined), { problem: "insecure" });
});

test("every error of getUserMedia has its own name", async () => {
  const problems = { NotAllowedError: "denied", SecurityError: "insecure", NotReadableError: "in-use", AbortError: "in-use",
    OverconstrainedError: "unfit", TypeError: "unknown" };
  for (const [name, problem] of Object.entries(problems)) assert.equal(mediaProblem(named(name)), problem);
  await assert.rejects(openMedia(devices({ failure: "NotReadableError" })), { problem: "in-use" });
});

test("closing a stream turns every device off", () => {
  const stream = new FakeStream("audio", "video");
  closeStream(stream);
  closeStream(null);
  assert.ok(stream.tracks.every(({ stopped }) => stopped));
});
