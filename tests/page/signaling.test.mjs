import assert from "node:assert/strict";
import { test } from "node:test";
import { Signaling } from "../../client/lib/signaling.js";
import { FakeClock, FakeSocket } from "./fakes.mjs";

function start(random = () => 0) {
  const clock = new FakeClock();
  const sockets = [];
  const quiet = { now: true };
  const seen = { statuses: [], relayed: [], failures: [], ice: [] };
  const signaling = new Signaling({
    open: () => (sockets.push(new FakeSocket()), sockets.at(-1)),
    clock,
    random,
    onStatus: (status) => seen.statuses.push(status),
    onRelayed: (...message) => seen.relayed.push(message),
    onFailure: (failure) => seen.failures.push(failure),
    onIceServers: (answer) => seen.ice.push(answer),
    mayRenew: () => quiet.now,
  });
  signaling.connect();
  return { clock, quiet, sockets, signaling, ...seen };
}

test("an empty frame asks for the id, and nothing is sent before it is known", () => {
  const { sockets: [socket], signaling, statuses } = start();
  socket.open();
  assert.deepEqual(socket.sent, [""]);
  assert.equal(signaling.send("frame"), false);
  socket.receive({ connectionId: "a=" });
  assert.deepEqual(statuses, [{ name: "open", connectionId: "a=" }]);
  assert.equal(signaling.send("frame"), true);
  assert.deepEqual(socket.sent, ["", "frame"]);
});

test("relayed messages, failures and service errors reach their handlers; empty frames reach none", () => {
  const { sockets: [socket], relayed, failures } = start();
  socket.open();
  socket.receive("");
  socket.receive({ message: { type: "SDP", payload: 1 }, from: "b=" });
  socket.receive({ connectionId: "a=", error: { code: "peer_gone", message: "gone" } });
  socket.receive('{"message": "Internal server error", "connectionId":"a=", "requestId":"r="}');
  assert.deepEqual(relayed, [["b=", "SDP", 1]]);
  assert.deepEqual(failures, [
    { code: "peer_gone", message: "gone" },
    { code: "service", message: "Internal server error (r=)" },
  ]);
});

test("ice servers reach their handler, and that there are none is no failure of a message", () => {
  const { sockets: [socket], ice, failures, statuses } = start();
  socket.open();
  socket.receive({ connectionId: "a=", iceServers: [], expiresIn: 0, error: { code: "throttled", message: "later" } });
  assert.deepEqual(ice, [{ servers: [], expiresIn: 0, failure: { code: "throttled", message: "later" } }]);
  assert.deepEqual([failures, statuses], [[], [{ name: "open", connectionId: "a=" }]]);
});

test("an idle socket is kept alive more often than every 10 minutes", async () => {
  const { clock, sockets: [socket] } = start();
  socket.open();
  socket.receive({ connectionId: "a=" });
  for (let asked = 2; asked <= 4; asked += 1) {
    await clock.advance(275_000);
    assert.equal(socket.sent.length, asked);
    socket.receive({ connectionId: "a=" });
  }
});

test("a keepalive that nobody answers ends the socket", async () => {
  const { clock, sockets, statuses } = start();
  sockets[0].open();
  sockets[0].receive({ connectionId: "a=" });
  await clock.advance(280_000);
  assert.equal(sockets[0].readyState, 3);
  assert.equal(statuses.at(1).name, "silent");
  assert.equal(sockets.length, 2);
});

test("a lost socket is opened again, later and later, and shows the new id", async () => {
  const { clock, sockets, statuses } = start();
  sockets[0].open();
  sockets[0].receive({ connectionId: "a=" });
  const waits = [];
  for (let attempt = 0; attempt < 9; attempt += 1) {
    sockets.at(-1).drop();
    const at = Math.min(...[...clock.timers.values()].map((timer) => timer.at));
    waits.push(at - clock.now);
    await clock.advance(at - clock.now);
  }
  assert.deepEqual(waits, [0, 300, 1_200, 2_700, 4_800, 7_000, 15_000, 30_000, 30_000]);
  sockets.at(-1).open();
  sockets.at(-1).receive({ connectionId: "b=" });
  assert.deepEqual(statuses.at(-1), { name: "open", connectionId: "b=" });
  assert.deepEqual(statuses.at(-2), { name: "lost", attempts: 9 });
});

test("a new stage that refuses handshakes for its first 5 seconds is reached without a reload", async () => {
  const { clock, sockets, statuses } = start();
  while (clock.now < 5_000) {
    const refused = sockets.length;
    sockets.at(-1).drop();
    while (sockets.length === refused) await clock.advance(100);
  }
  assert.ok(clock.now < 10_000 && sockets.length < 8, `${sockets.length} sockets in ${clock.now} ms`);
  assert.ok(statuses.every(({ name }) => name === "lost"));
  sockets.at(-1).open();
  sockets.at(-1).receive({ connectionId: "a=" });
  assert.deepEqual(statuses.at(-1), { name: "open", connectionId: "a=" });
});

test("what a given-up socket still says is not heard", async () => {
  const { clock, sockets, statuses } = start();
  sockets[0].drop();
  await clock.advance(0);
  sockets[0].receive({ connectionId: "old=" });
  sockets[0].onclose();
  assert.equal(sockets.length, 2);
  assert.deepEqual(statuses, [{ name: "lost", attempts: 1 }]);
});

test("pages that lost their sockets together come back apart: their waits differ by a second, long ones by half", async () => {
  const waits = [];
  for (const random of [0, 0.5, 0.999]) {
    const { clock, sockets } = start(() => random);
    for (let attempt = 0; attempt < 8; attempt += 1) {
      sockets.at(-1).drop();
      const at = Math.min(...[...clock.timers.values()].map((timer) => timer.at));
      waits[attempt] = [...(waits[attempt] ?? []), at - clock.now];
      await clock.advance(at - clock.now);
    }
  }
  const spread = waits.map((of) => Math.max(...of) - Math.min(...of));
  const least = [1_000, 1_000, 1_000, 1_350, 2_400, 3_500, 7_500, 15_000];
  assert.ok(spread.every((of, attempt) => of > 0.99 * least[attempt]), `${spread}`);
  assert.ok(waits.flat().every((wait) => wait >= 0), `${waits}`);
});

test("asked to connect while waiting, it does not wait", () => {
  const { sockets, signaling } = start();
  sockets[0].drop();
  signaling.connect();
  signaling.connect();
  assert.equal(sockets.length, 2);
});

test("a server that opens the socket but never says an id is called silent", async () => {
  const { clock, sockets, statuses } = start();
  sockets[0].open();
  await clock.advance(10_000);
  assert.deepEqual(statuses, [{ name: "silent" }]);
});

/** Lets time pass as on a relay that answers every keepalive at once. */
async function pass(clock, sockets, milliseconds) {
  for (let passed = 0; passed < milliseconds; passed += 5_000) {
    const before = sockets.map(({ sent }) => sent.length);
    await clock.advance(5_000);
    sockets.forEach((socket, index) => {
      if (socket.sent.length > (before[index] ?? 0) && socket.readyState === 1) socket.receive({ connectionId: `${index}=` });
    });
  }
}

test("before API Gateway's 2 hours are over a new socket takes the old one's place, with no moment without an id", async () => {
  const { clock, sockets, statuses, signaling } = start();
  sockets[0].open();
  sockets[0].receive({ connectionId: "0=" });
  await pass(clock, sockets, 115 * 60_000);
  assert.equal(sockets.length, 2);
  assert.equal(signaling.send("still the old one"), true);
  assert.equal(sockets[0].sent.at(-1), "still the old one");
  sockets[1].open();
  sockets[1].receive({ connectionId: "1=" });
  assert.deepEqual(statuses, [{ name: "open", connectionId: "0=" }, { name: "open", connectionId: "1=" }]);
  assert.equal(sockets[0].readyState, 3);
  await pass(clock, sockets, 115 * 60_000 - 10_000);
  assert.equal(sockets.length, 2);
});

test("a renewal waits until a new id harms nothing", async () => {
  const { clock, sockets, quiet } = start();
  quiet.now = false;
  sockets[0].open();
  sockets[0].receive({ connectionId: "0=" });
  await pass(clock, sockets, 118 * 60_000);
  assert.equal(sockets.length, 1);
  quiet.now = true;
  await pass(clock, sockets, 60_000);
  assert.equal(sockets.length >= 2, true);
});

test("a renewal that gets no id leaves the old socket in use", async () => {
  const { clock, sockets, signaling } = start();
  sockets[0].open();
  sockets[0].receive({ connectionId: "0=" });
  await pass(clock, sockets, 116 * 60_000);
  assert.equal(sockets[1].readyState, 3);
  assert.equal(signaling.send("frame"), true);
  assert.equal(sockets[0].sent.at(-1), "frame");
});
