/**
 * The wire format of the signalling relay, as pure functions. Whatever arrives was written by somebody else:
 * every value is checked and copied here, and nothing behind this module sees a raw frame.
 *
 * @typedef {{ type: "offer" | "answer", sdp: string, round: number | null }} Description
 *   `round` tells which offer an answer is for; other pages may leave it out.
 * @typedef {{ candidate: string, sdpMid: string | null, sdpMLineIndex: number | null, usernameFragment: string | null }} Candidate
 *
 * @typedef {(
 *   | { kind: "ignored" }
 *   | { kind: "answer", connectionId: string, failure: Failure | null }
 *   | { kind: "ice-servers", connectionId: string, answer: IceAnswer }
 *   | { kind: "relayed", from: string, type: string, payload: unknown }
 *   | { kind: "service", message: string, requestId: string }
 * )} Frame
 * @typedef {{ code: string, message: string }} Failure
 * @typedef {{ servers: RTCIceServer[], expiresIn: number, failure: Failure | null }} IceAnswer good for so many seconds
 */

/** API Gateway closes a socket that sends a larger frame, and a browser sends a message as one frame. */
export const MAX_FRAME_BYTES = 32 * 1024;
const MAX_SDP_LENGTH = 32 * 1024;
const MAX_CANDIDATE_LENGTH = 1024;
const MAX_ID_LENGTH = 128;
const MAX_ICE_SERVERS = 10;
const MAX_ICE_TEXT_LENGTH = 1024;
/** Timers of browsers cannot wait for a month. */
const MAX_ICE_LIFE = 86_400;
/** What a browser takes; one odd URL, and it refuses the whole configuration. */
const ICE_URL = /^(stuns?|turns?):[a-z0-9.:[\]_-]+(\?transport=(udp|tcp))?$/i;
/** Asks the relay for ICE servers. One that has none answers with the own id, as to any other question. */
export const ICE_QUESTION = JSON.stringify({ iceServers: true });
const GOODBYES = /** @type {const} */ (["declined", "busy", "no-answer", "no-path"]);

/**
 * Tells the frames of the relay, of the other side and of API Gateway itself apart.
 *
 * @param {unknown} data
 * @returns {Frame}
 */
export function parseFrame(data) {
  const frame = parseObject(data);
  if (frame === null) return { kind: "ignored" };
  if (isId(frame.from)) {
    const message = asObject(frame.message);
    if (typeof message?.type !== "string") return { kind: "ignored" };
    return { kind: "relayed", from: frame.from, type: message.type, payload: message.payload };
  }
  // AWS-FACTS A4: API Gateway's own error frames carry a text `message` and a `requestId`, and no `from`.
  if (typeof frame.message === "string") {
    return { kind: "service", message: frame.message, requestId: asText(frame.requestId) };
  }
  if (!isId(frame.connectionId)) return { kind: "ignored" };
  const error = asObject(frame.error);
  const failure = error && { code: asText(error.code), message: asText(error.message) };
  if (Array.isArray(frame.iceServers)) {
    const servers = frame.iceServers.slice(0, MAX_ICE_SERVERS).map(readIceServer).filter((server) => server !== null);
    const expiresIn = typeof frame.expiresIn === "number" ? Math.min(Math.max(0, frame.expiresIn), MAX_ICE_LIFE) : 0;
    return { kind: "ice-servers", connectionId: frame.connectionId, answer: { servers, expiresIn, failure } };
  }
  return { kind: "answer", connectionId: frame.connectionId, failure };
}

/**
 * @param {unknown} value
 * @returns {RTCIceServer | null}
 */
function readIceServer(value) {
  const server = asObject(value);
  if (!Array.isArray(server?.urls)) return null;
  const urls = server.urls.slice(0, MAX_ICE_SERVERS).filter((url) => isIceText(url) && ICE_URL.test(url));
  const { username, credential } = server;
  return urls.length > 0 && isIceText(username) && isIceText(credential) ? { urls, username, credential } : null;
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isIceText(value) {
  return typeof value === "string" && value.length <= MAX_ICE_TEXT_LENGTH;
}

/**
 * @param {string} connectionId
 * @param {string} type
 * @param {unknown} payload
 * @returns {string | null} the frame, or null when it is too large to be sent
 */
export function encodeMessage(connectionId, type, payload) {
  const frame = JSON.stringify({ connectionId, message: { type, payload } });
  return new TextEncoder().encode(frame).length <= MAX_FRAME_BYTES ? frame : null;
}

/**
 * @param {unknown} payload
 * @returns {Description | null}
 */
export function readDescription(payload) {
  const description = asObject(payload);
  if (description === null || typeof description.sdp !== "string" || description.sdp.length > MAX_SDP_LENGTH) return null;
  if (description.type !== "offer" && description.type !== "answer") return null;
  return { type: description.type, sdp: description.sdp, round: typeof description.round === "number" ? description.round : null };
}

/**
 * Null also stands for "no more candidates", which some pages send and nobody needs.
 *
 * @param {unknown} payload
 * @returns {Candidate | null}
 */
export function readCandidate(payload) {
  const candidate = asObject(payload);
  if (typeof candidate?.candidate !== "string") return null;
  if (candidate.candidate === "" || candidate.candidate.length > MAX_CANDIDATE_LENGTH) return null;
  return {
    candidate: candidate.candidate,
    sdpMid: typeof candidate.sdpMid === "string" ? candidate.sdpMid : null,
    sdpMLineIndex: typeof candidate.sdpMLineIndex === "number" ? candidate.sdpMLineIndex : null,
    usernameFragment: typeof candidate.usernameFragment === "string" ? candidate.usernameFragment : null,
  };
}

/**
 * Why the other side ended the call, from the payload of a BYE.
 *
 * @param {unknown} payload
 * @returns {"hangup" | "declined" | "busy" | "no-answer" | "no-path"}
 */
export function readGoodbye(payload) {
  const reason = asObject(payload)?.reason;
  return GOODBYES.find((known) => known === reason) ?? "hangup";
}

/**
 * The proof in a REBIND that its sender is who is being talked to, under a new id.
 *
 * @param {unknown} payload
 * @returns {string | null}
 */
export function readRebind(payload) {
  const token = asObject(payload)?.token;
  return isId(token) ? token : null;
}

/**
 * @param {unknown} data
 * @returns {Record<string, unknown> | null}
 */
function parseObject(data) {
  // AWS-FACTS A4: a route response without a body still arrives, as an empty text message.
  if (typeof data !== "string" || data === "") return null;
  try {
    return asObject(JSON.parse(data));
  } catch {
    return null;
  }
}

/**
 * @param {unknown} value
 * @returns {Record<string, unknown> | null}
 */
export function asObject(value) {
  return typeof value === "object" && value !== null ? /** @type {Record<string, unknown>} */ (value) : null;
}

/** @param {unknown} value */
function asText(value) {
  return typeof value === "string" ? value : "";
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
export function isId(value) {
  return typeof value === "string" && value !== "" && value.length <= MAX_ID_LENGTH;
}
