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

test("whoever does not want to be seen is not asked for the camera", async () => {
  const all = devices({ audio: true, video: true });
  const sound = await openMedia(all, () => new FakeStream(), "sound");
  assert.deepEqual([sound.stream.getTracks().map(({ kind }) => kind), sound.shortage], [["audio"], "chose-sound"]);
  const nothing = await openMedia(undefined, () => new FakeStream(), "nothing");
  assert.deepEqual([nothing.stream.getTracks(), nothing.shortage], [[], "chose-nothing"]);
  assert.deepEqual(all.asked, [{ audio: true, video: false }]);
});

test("the chosen devices are asked for, but others are better than none", async () => {
  const all = devices({ audio: true, video: true });
  await openMedia(all, undefined, "everything", { audio: "a1" });
  assert.deepEqual(all.asked, [{ audio: { deviceId: { ideal: "a1" } }, video: true }]);
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
  const problems = { NotAllowedError: "denied", SecurityError: "insecure", NotFoundError: "missing", NotReadableError: "in-use", AbortError: "in-use",
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
