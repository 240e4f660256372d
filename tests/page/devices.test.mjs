import assert from "node:assert/strict";
import { test } from "node:test";
import { Devices } from "../../client/lib/devices.js";
import { settled } from "./fakes.mjs";

const named = (name) => Object.assign(new Error(name), { name });

class Track {
  readyState = "live";
  enabled = true;

  constructor(kind, deviceId) {
    Object.assign(this, { kind, deviceId });
  }

  stop() {
    this.readyState = "ended";
  }

  getSettings() {
    return { deviceId: this.deviceId };
  }
}

class Stream {
  constructor(...tracks) {
    this.tracks = tracks;
  }

  getTracks() {
    return [...this.tracks];
  }

  getVideoTracks() {
    return this.tracks.filter(({ kind }) => kind === "video");
  }

  addTrack(track) {
    this.tracks.push(track);
  }

  removeTrack(track) {
    this.tracks = this.tracks.filter((other) => other !== track);
  }
}

/** A machine with a microphone, two cameras and a screen, that remembers every track it gave. */
function machine() {
  const given = [];
  const replaced = [];
  const give = (kind, deviceId) => (given.push(new Track(kind, deviceId)), given.at(-1));
  const media = {
    failure: null,
    async getUserMedia(constraints) {
      await settled();
      if (media.failure) throw named(media.failure);
      const wanted = Object.entries(constraints).filter(([, constraint]) => constraint);
      return new Stream(...wanted.map(([kind, { deviceId }]) => give(kind, deviceId?.ideal ?? `${kind} 1`)));
    },
    async getDisplayMedia() {
      await settled();
      if (media.failure) throw named(media.failure);
      return new Stream(give("video", "screen"));
    },
    async enumerateDevices() {
      return [["audioinput", "audio 1"], ["videoinput", "video 1"], ["videoinput", "video 2"]].map(([kind, deviceId]) => ({ kind, deviceId }));
    },
  };
  const devices = new Devices({
    devices: media,
    onChange: () => {},
    onTrack: (kind, track) => replaced.push([kind, track?.deviceId ?? null]),
  });
  const live = () => given.filter(({ readyState }) => readyState === "live").map(({ deviceId }) => deviceId);
  const state = () => {
    const { muted, camera, sharing } = devices.view;
    return { muted, camera, sharing };
  };
  return { media, devices, given, replaced, live, state };
}

test("what was opened to look at is what the call sends, and closing turns everything off", async () => {
  const { devices, live, given } = machine();
  const [preview, call] = await Promise.all([devices.open(), devices.open()]);
  assert.equal(preview, call);
  assert.equal(given.length, 2);
  devices.close();
  assert.deepEqual(live(), []);
  await devices.open();
  assert.equal(given.length, 4);
});

test("what opens after it was closed again is off, and is not taken for what is open now", async () => {
  const { devices, live } = machine();
  const late = devices.open();
  devices.close();
  await late;
  assert.deepEqual(live(), []);
  assert.equal(devices.view.stream, null);
});

test("after a refusal one can try again", async () => {
  const { media, devices } = machine();
  media.failure = "NotAllowedError";
  await assert.rejects(devices.open(), { problem: "denied" });
  media.failure = null;
  assert.equal((await devices.open()).shortage, null);
});

test("muting keeps the microphone, turning the camera off gives it back", async () => {
  const { devices, live, replaced, state } = machine();
  const { stream } = await devices.open();
  devices.toggleMuted();
  assert.equal(stream.getTracks()[0].enabled, false);
  await devices.toggleCamera();
  assert.deepEqual(state(), { muted: true, camera: false, sharing: false });
  assert.deepEqual([live(), replaced], [["audio 1"], [["video", null]]]);
  await devices.toggleCamera();
  devices.toggleMuted();
  assert.deepEqual(state(), { muted: false, camera: true, sharing: false });
  assert.deepEqual(replaced.at(-1), ["video", "video 1"]);
});

test("a second press while the camera opens changes nothing", async () => {
  const { devices, given } = machine();
  await devices.open();
  await devices.toggleCamera();
  await Promise.all([devices.toggleCamera(), devices.toggleCamera(), devices.flip()]);
  assert.equal(given.filter(({ kind }) => kind === "video").length, 2);
});

test("a camera that opens after the call has ended is turned off", async () => {
  const { devices, live } = machine();
  await devices.open();
  await devices.toggleCamera();
  const late = devices.toggleCamera();
  devices.close();
  await late;
  assert.deepEqual(live(), []);
});

test("a shared screen takes the camera's place, whichever of the two ends it", async () => {
  const { devices, given, live, state } = machine();
  await devices.open();
  await devices.toggleScreen();
  assert.deepEqual([state().sharing, state().camera, live()], [true, false, ["audio 1", "screen"]]);
  await devices.toggleScreen();
  assert.deepEqual([state().sharing, state().camera, live()], [false, true, ["audio 1", "video 1"]]);
  await devices.toggleScreen();
  given.at(-1).onended();
  await settled();
  await settled();
  assert.deepEqual([state().sharing, state().camera, live()], [false, true, ["audio 1", "video 1"]]);
});

test("a camera that was off stays off after a screen was shared", async () => {
  const { devices, live } = machine();
  await devices.open();
  await devices.toggleCamera();
  await devices.toggleScreen();
  await devices.toggleScreen();
  assert.deepEqual(live(), ["audio 1"]);
});

test("changing one's mind about the screen changes nothing", async () => {
  const { media, devices, live } = machine();
  await devices.open();
  media.failure = "NotAllowedError";
  await assert.rejects(devices.toggleScreen(), { problem: "denied" });
  assert.deepEqual(live(), ["audio 1", "video 1"]);
});

test("the cameras take turns, and one at a time is open", async () => {
  const { devices, live } = machine();
  await devices.open();
  await devices.flip();
  assert.deepEqual(live(), ["audio 1", "video 2"]);
  await devices.flip();
  assert.deepEqual(live(), ["audio 1", "video 1"]);
  await devices.choose("video", "video 2");
  assert.deepEqual(live(), ["audio 1", "video 2"]);
});

test("a camera that is unplugged counts as off", async () => {
  const { devices, given, replaced, state } = machine();
  await devices.open();
  given[1].onended();
  await settled();
  assert.deepEqual([state().camera, replaced], [false, [["video", null]]]);
});

test("a muted microphone that is exchanged stays muted", async () => {
  const { devices } = machine();
  await devices.open();
  devices.toggleMuted();
  await devices.choose("audio", "audio 2");
  assert.deepEqual(devices.view.stream.getTracks().filter(({ kind }) => kind === "audio").map(({ enabled }) => enabled), [false]);
});
