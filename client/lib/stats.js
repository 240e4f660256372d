/**
 * How good the connection is, from the browser's statistics, in numbers that say nothing about addresses.
 *
 * @typedef {object} Quality
 * @property {"direct" | "relayed" | "unknown"} path
 * @property {"good" | "fair" | "poor"} grade
 * @property {number | null} roundTrip in milliseconds
 * @property {number} loss of the packets to us since the last look, in percent
 * @property {Record<string, unknown>} report
 * @property {Counters} counters for the next look
 * @typedef {{ lost: number, received: number }} Counters
 */

/**
 * @param {Iterable<any>} entries of an RTCStatsReport
 * @param {Counters} [before]
 * @returns {Quality}
 */
export function summarize(entries, before = { lost: 0, received: 0 }) {
  const byId = new Map([...entries].map((entry) => [entry.id, entry]));
  const all = [...byId.values()];
  const transport = all.find(({ type }) => type === "transport");
  const pair = selectedPair(byId);
  const ends = [byId.get(pair?.localCandidateId), byId.get(pair?.remoteCandidateId)];
  const inbound = all.filter(({ type }) => type === "inbound-rtp");
  const counters = { lost: sum(inbound, "packetsLost"), received: sum(inbound, "packetsReceived") };
  const lost = Math.max(0, counters.lost - before.lost);
  const expected = lost + Math.max(0, counters.received - before.received);
  const loss = expected === 0 ? 0 : (100 * lost) / expected;
  const roundTrip = pair?.currentRoundTripTime === undefined ? null : Math.round(pair.currentRoundTripTime * 1_000);
  const video = inbound.find(({ kind }) => kind === "video");
  return {
    path: pair === undefined ? "unknown" : ends.some((end) => end?.candidateType === "relay") ? "relayed" : "direct",
    grade: loss > 8 || (roundTrip ?? 0) > 600 ? "poor" : loss > 2 || (roundTrip ?? 0) > 250 ? "fair" : "good",
    roundTrip,
    loss: Math.round(loss * 10) / 10,
    counters,
    report: {
      candidates: ends.map((end) => (end ? `${end.candidateType}/${end.relayProtocol ?? end.protocol}` : null)),
      dtls: transport?.dtlsState ?? null,
      video: video ? `${video.frameWidth ?? 0}x${video.frameHeight ?? 0}, ${video.framesDecoded ?? 0} frames` : null,
      codec: byId.get(video?.codecId)?.mimeType ?? null,
      ...counters,
    },
  };
}

/**
 * @param {{ values(): Iterable<any>, get(id: string): any }} stats by their ids
 * @returns {any} the two candidates between which the call goes; not every browser has a transport that names them
 */
export function selectedPair(stats) {
  const all = [...stats.values()];
  return stats.get(all.find(({ type }) => type === "transport")?.selectedCandidatePairId) ??
    all.find(({ type, nominated, state }) => type === "candidate-pair" && nominated && state === "succeeded");
}

/**
 * @param {any[]} entries
 * @param {string} name
 */
function sum(entries, name) {
  return entries.reduce((total, entry) => total + (entry[name] ?? 0), 0);
}
