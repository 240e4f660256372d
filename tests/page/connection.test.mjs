import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration } from "../../client/lib/clock.js";
import { idInLink, linkTo, tokenInLink, withToken } from "../../client/lib/link.js";
import { safetyCode } from "../../client/lib/safety.js";
import { summarize } from "../../client/lib/stats.js";

/** What Chromium says of a call over a relay; Firefox has no transport that names the pair. */
const entries = ({ lost = 0, received = 100, type = "host", roundTrip = 0.02 } = {}) => [
  { id: "T", type: "transport", selectedCandidatePairId: "P", dtlsState: "connected" },
  { id: "X", type: "candidate-pair", nominated: false, state: "failed" },
  { id: "P", type: "candidate-pair", nominated: true, state: "succeeded", localCandidateId: "L", remoteCandidateId: "R", currentRoundTripTime: roundTrip },
  { id: "L", type: "local-candidate", candidateType: type, protocol: "udp", address: "192.0.2.7", relayProtocol: type === "relay" ? "tcp" : undefined },
  { id: "R", type: "remote-candidate", candidateType: "srflx", protocol: "udp", address: "2001:db8::7" },
  { id: "V", type: "inbound-rtp", kind: "video", packetsLost: lost, packetsReceived: received, frameWidth: 640, frameHeight: 480, framesDecoded: 9, codecId: "C" },
  { id: "C", type: "codec", mimeType: "video/VP8" },
];

test("a path is relayed if either end of it is", () => {
  assert.equal(summarize(entries()).path, "direct");
  assert.equal(summarize(entries({ type: "relay" })).path, "relayed");
  assert.equal(summarize(entries().slice(1)).path, "direct");
  assert.equal(summarize([]).path, "unknown");
});

test("loss is counted since the last look", () => {
  const before = summarize(entries({ lost: 50, received: 50 }));
  assert.deepEqual([before.loss, before.grade], [50, "poor"]);
  const after = summarize(entries({ lost: 51, received: 149 }), before.counters);
  assert.deepEqual([after.loss, after.grade], [1, "good"]);
  const fresh = summarize(entries({ lost: 0, received: 10 }), after.counters);
  assert.deepEqual([fresh.loss, fresh.grade], [0, "good"]);
});

test("a slow path is no good one", () => {
  assert.equal(summarize(entries({ roundTrip: 0.3 })).grade, "fair");
  assert.equal(summarize(entries({ roundTrip: 0.7 })).grade, "poor");
});

test("the report has no address in it", () => {
  const report = JSON.stringify(summarize(entries({ type: "relay" })));
  assert.match(report, /relay\/tcp.*srflx\/udp/);
  assert.doesNotMatch(report, /192\.0\.2|2001:db8/);
});

const sdp = (print) => `v=0\r\na=fingerprint:sha-256 ${print}\r\n`;

test("both sides get the same code, and another one for any other certificate", async () => {
  const code = await safetyCode([sdp("AA:BB"), sdp("CC:DD")]);
  assert.match(code, /^(\d{4} ){5}\d{4}$/);
  assert.equal(await safetyCode([sdp("cc:dd"), sdp("aa:bb")]), code);
  assert.notEqual(await safetyCode([sdp("AA:BB"), sdp("CC:DE")]), code);
});

test("without a certificate there is no code", async () => {
  assert.equal(await safetyCode([sdp("AA:BB"), ""]), "");
});

test("a link carries any id to the other page", () => {
  const link = linkTo("https://example.org/index.html?x=1#old=", "AbC-_d3+/=");
  assert.equal(link, "https://example.org/index.html?x=1#AbC-_d3%2B%2F%3D");
  assert.equal(idInLink(new URL(link).hash), "AbC-_d3+/=");
  for (const fragment of ["", "#", "#%"]) assert.equal(idInLink(fragment), "");
  assert.equal(idInLink(`#${"x".repeat(1_000)}`).length, 128);
});

test("durations are minutes and seconds, with hours only when there are some", () => {
  assert.deepEqual([-5, 0, 59_999, 61_000, 3_600_000, 36_061_000].map(formatDuration), ["00:00", "00:00", "00:59", "01:01", "01:00:00", "10:01:01"]);
});

test("a link carries the token that the relay wants, whatever is in it", () => {
  const token = "a+b/c=d&e#f%41 é";
  const link = linkTo("https://a.test/index.html#old&token=x", "AbC=", token);
  const { hash } = new URL(link);
  assert.deepEqual([idInLink(hash), tokenInLink(hash)], ["AbC=", token]);
  assert.equal(linkTo("https://a.test/", "AbC="), "https://a.test/#AbC%3D", "none without one");
  assert.deepEqual([idInLink("#&token=n0rth"), tokenInLink("#&token=n0rth")], ["", "n0rth"], "an invitation to nobody in particular");
  for (const fragment of ["", "#", "#AbC%3D", "#&token=%", "#token=x"]) assert.equal(tokenInLink(fragment), "", fragment);
  assert.equal(new URL(withToken("wss://a.test/prod", token)).searchParams.get("token"), token);
  assert.equal(withToken("wss://a.test/prod", ""), "wss://a.test/prod");
});
