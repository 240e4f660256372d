/**
 * The page's socket to the signalling relay. The endpoint comes from `config.js`, which the deployment writes
 * beside this file; everything else is in `lib/`.
 *
 * @typedef {{ websocketUrl: string, iceServers: RTCIceServer[], onDemand: boolean } & import("./lib/admission.js").Doors} Config
 *   `onDemand`: the relay has more of them
 * @typedef {import("./lib/admission.js").Refusal} Refusal
 * @typedef {import("./lib/signaling.js").SignalingStatus | { name: "unconfigured" } | { name: "refused", why: Refusal }} Status
 * @typedef {import("./lib/wire.js").Failure} Failure
 */
import { Admission } from "./lib/admission.js";
import { connectOnlyTo } from "./lib/fence.js";
import { IceSupply, canRelay } from "./lib/ice.js";
import { tokenInLink, withToken } from "./lib/link.js";
import { Signaling } from "./lib/signaling.js";
import { ICE_QUESTION, encodeMessage } from "./lib/wire.js";

/** @type {Map<string, (payload: unknown, from: string) => void>} */
const messageHandlers = new Map();
/** @type {((status: Status) => void)[]} */
const statusHandlers = [];
/** @type {((failure: Failure) => void)[]} */
const failureHandlers = [];
/** @type {(() => boolean)} */
let mayRenew = () => true;
/** @type {Status} */
let status = { name: "connecting" };
/** @type {Signaling | null} */
let signaling = null;
/** What the link said. It stays when the address changes to a link without one. */
let token = tokenInLink(location.hash);
addEventListener("hashchange", () => {
  token = tokenInLink(location.hash) || token;
  // Whoever was refused and now has the whole link need not wait.
  signaling?.connect();
});

const config = loadConfig();
/** How often it was asked for again. */
let looks = 0;
const admission = new Admission({ look: () => loadConfig(`?${++looks}`), onStatus: setStatus, origin: location.origin });
const supply = config.then(({ iceServers, onDemand }) => {
  return new IceSupply(iceServers, { ask: () => onDemand && signaling !== null && signaling.send(ICE_QUESTION) });
});
// Whoever needs it hears of it.
supply.catch(() => {});
config.then(({ websocketUrl }) => {
  connectOnlyTo(websocketUrl);
  signaling = new Signaling({
    open: () => new WebSocket(withToken(websocketUrl, token)),
    onStatus: (next) => admission.hear(next),
    onRelayed: (from, type, payload) => messageHandlers.get(type)?.(payload, from),
    onFailure: (failure) => failureHandlers.forEach((handler) => handler(failure)),
    onIceServers: async (answer) => (await supply).receive(answer),
    mayRenew: () => mayRenew(),
  });
  signaling.connect();
  addEventListener("online", () => signaling?.connect());
}).catch((error) => {
  console.error("No usable config.js beside index.html:", error);
  setStatus({ name: "unconfigured" });
});

/**
 * Sends a message to another connection.
 *
 * @param {string} connectionId
 * @param {string} type
 * @param {unknown} payload
 * @returns {boolean} whether it went out; false while the socket is not open, or if it is too large for the relay
 */
export function sendMessage(connectionId, type, payload) {
  const frame = encodeMessage(connectionId, type, payload);
  return frame !== null && signaling !== null && signaling.send(frame);
}

/**
 * Sets what is done with messages of one type. Other types are ignored.
 *
 * @param {string} type
 * @param {(payload: unknown, from: string) => void} callback
 */
export function onMessage(type, callback) {
  messageHandlers.set(type, callback);
}

/**
 * The own connection id, as soon as there is one. It changes when the socket has to reconnect.
 *
 * @returns {Promise<string>}
 */
export function getConnectionId() {
  return new Promise((resolve) => {
    /** @param {Status} now */
    const settle = (now) => {
      if (now.name !== "open") return;
      statusHandlers.splice(statusHandlers.indexOf(settle), 1);
      resolve(now.connectionId);
    };
    onStatus(settle);
  });
}

/** @param {(status: Status) => void} callback called now and at every change */
export function onStatus(callback) {
  statusHandlers.push(callback);
  callback(status);
}

/** @param {(failure: Failure) => void} callback called when the relay could not deliver something */
export function onFailure(callback) {
  failureHandlers.push(callback);
}

/** @param {() => boolean} question whether a new own id would harm nothing now */
export function renewWhen(question) {
  mayRenew = question;
}

/** @returns {Promise<IceSupply>} which ICE servers a call may use, now and later */
export function getIceSupply() {
  return supply;
}

/** @returns {Promise<boolean>} whether a call can go over a relay server */
export async function offersRelay() {
  const { iceServers, onDemand } = await config;
  return onDemand || canRelay(iceServers);
}

/** @returns {string} what links to this page need besides the id, or "" */
export function joinToken() {
  return token;
}

/** @param {Status} next */
function setStatus(next) {
  status = next;
  for (const handler of [...statusHandlers]) handler(next);
}

/**
 * @param {string} [query] makes it a module that no import has loaded yet
 * @returns {Promise<Config>}
 */
async function loadConfig(query = "") {
  const { default: values } = await import(new URL(`./config.js${query}`, import.meta.url).href);
  const url = new URL(values.websocketUrl);
  if (url.protocol !== "wss:" && url.protocol !== "ws:") throw new TypeError(`websocketUrl is no WebSocket URL: ${url}`);
  const iceServers = Array.isArray(values.iceServers) ? values.iceServers : [];
  const origins = Array.isArray(values.allowedOrigins) ? values.allowedOrigins : [];
  const [onDemand, joinToken] = [values.iceServersOnDemand === true, values.joinToken === true];
  return { websocketUrl: url.href, iceServers, onDemand, origins, joinToken };
}
