/** The page: connects the elements, the devices, the socket and the call. */
import { Call } from "./lib/call.js";
import { Chat } from "./lib/chat.js";
import { ConnectionPanel } from "./lib/connection.js";
import { Devices } from "./lib/devices.js";
import { loadTable, pickLanguage, translateDocument, translator } from "./lib/i18n.js";
import { idInLink, linkTo } from "./lib/link.js";
import { Lobby } from "./lib/lobby.js";
import { MediaError } from "./lib/media.js";
import { byId, elements, mediaWords, setText, showCall, showHint, showOwnId } from "./lib/ui.js";
import { getIceServers, onFailure, onMessage, onStatus, renewWhen, sendMessage } from "./message.js";

const language = pickLanguage(navigator.languages);
const text = translator(await loadTable(language));
translateDocument(document, language, text);
elements.stuck.remove();

/** @type {import("./message.js").Status} */
let status = { name: "connecting" };

const devices = new Devices({
  devices: navigator.mediaDevices,
  onTrack: (kind, track) => call.replaceTrack(kind, track),
  onChange: async ({ muted, camera, sharing }) => {
    call.tellStatus({ muted, camera, sharing });
    show();
    const cameras = (await devices.list()).filter(({ kind }) => kind === "videoinput");
    elements.flip.hidden = cameras.length < 2;
  },
});

const call = new Call({
  ownId: () => elements.ownId.value,
  send: sendMessage,
  openMedia: () => devices.open(),
  preparePeer: async () => {
    const iceServers = await getIceServers();
    return () => new RTCPeerConnection({ iceServers });
  },
  onChange: (view) => {
    if (view.peer !== "") elements.remoteId.value = view.peer;
    if (view.state === "ended") {
      devices.close();
      chat.clear();
    }
    show();
  },
  onChat: (words) => chat.receive(words),
});

const chat = new Chat((words) => call.chat(words), text, showHint);
const lobby = new Lobby(devices, text, showProblem);
const connection = new ConnectionPanel(text);

function show() {
  const { view } = call;
  showCall(view, status, devices.view, text);
  lobby.show(elements.lobby.hidden ? null : devices.view.stream);
  connection.show(view, call.connection);
}

/** @param {unknown} error */
function showProblem(error) {
  if (error instanceof MediaError) showHint(mediaWords(error, text));
  else console.error(error);
}

onMessage("SDP", (payload, from) => call.receiveDescription(payload, from));
onMessage("ICE", (payload, from) => call.receiveCandidate(payload, from));
onMessage("BYE", (payload, from) => call.receiveGoodbye(payload, from));
onMessage("REBIND", (payload, from) => call.receiveRebind(payload, from));
renewWhen(() => ["idle", "connected", "ended"].includes(call.view.state));
addEventListener("online", () => call.networkChanged());

let lastId = "";
onStatus((next) => {
  if (status.name === "open" && next.name !== "open") call.signalingLost();
  status = next;
  showOwnId(status);
  show();
  if (!isSecureContext) showHint(text("media.insecure"));
  if (status.name !== "open") return;
  if (["idle", "ended"].includes(call.view.state)) {
    if (!["", status.connectionId].includes(lastId)) showHint(text("hint.new-id"));
    else if (linked() !== "") showHint(text("hint.link"));
  }
  lastId = status.connectionId;
  call.signalingOpened();
});

onFailure((failure) => {
  call.relayFailed(failure);
  if (failure.code === "service" && call.view.state === "idle") showHint(text("hint.service", failure));
});

function dial() {
  const peer = elements.remoteId.value.trim();
  if (peer === "") showHint(text("hint.no-id"));
  else if (peer === elements.ownId.value) showHint(text("hint.own-id"));
  else call.call(peer);
}

elements.dialer.addEventListener("submit", (event) => {
  event.preventDefault();
  dial();
});
elements.hangup.addEventListener("click", () => call.hangUp());
elements.accept.addEventListener("click", () => call.accept());
elements.decline.addEventListener("click", () => call.hangUp());
addEventListener("pagehide", () => call.hangUp());

for (const [button, wish] of /** @type {const} */ ([[elements.withoutCamera, "sound"], [elements.watchOnly, "nothing"]])) {
  button.addEventListener("click", () => {
    devices.wish = wish;
    if (call.view.state === "ringing") call.accept();
    else dial();
  });
}

elements.mute.addEventListener("click", () => Promise.resolve(devices.toggleMuted()).catch(showProblem));
elements.camera.addEventListener("click", () => devices.toggleCamera().catch(showProblem));
elements.flip.addEventListener("click", () => devices.flip().catch(showProblem));
// Whoever closes the browser's own question has changed their mind, and needs no explanation.
elements.share.addEventListener("click", () => devices.toggleScreen().catch((error) => error.problem === "denied" || showProblem(error)));
elements.share.hidden = navigator.mediaDevices?.getDisplayMedia === undefined;
elements.unlock.addEventListener("click", () => {
  elements.unlock.hidden = true;
  elements.remoteVideo.play().catch(console.error);
});

/** @type {Record<string, HTMLButtonElement>} */
const KEYS = { m: elements.mute, v: elements.camera, s: elements.share, c: elements.talk, h: elements.hangup };
addEventListener("keydown", (event) => {
  const { key, code, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || elements.stage.hidden) return;
  if (target instanceof Element && target.closest("input, select, textarea")) return;
  // On a keyboard that writes another script, the key counts by its place.
  const button = KEYS[/^[a-z]$/i.test(key) ? key.toLowerCase() : code.replace("Key", "").toLowerCase()];
  if (!button || button.hidden) return;
  event.preventDefault();
  button.click();
});

const COPIED_SHOWN = 2_000;
/**
 * @param {HTMLButtonElement} button says so when it is done
 * @param {string} words
 */
async function copy(button, words) {
  await navigator.clipboard.writeText(words);
  setText(button, text("own.copied"));
  setTimeout(() => setText(button, text(/** @type {import("./lib/i18n.js").TextKey} */ (button.dataset.text))), COPIED_SHOWN);
}

elements.copy.addEventListener("click", () => {
  // Selected, it can still be copied by hand.
  elements.ownId.select();
  copy(elements.copy, elements.ownId.value).catch(console.debug);
});
const ownLink = () => linkTo(location.href, elements.ownId.value);
elements.copyLink.addEventListener("click", () => copy(elements.copyLink, ownLink()).catch(() => prompt(text("link.copy"), ownLink())));
elements.shareLink.hidden = navigator.share === undefined;
elements.shareLink.addEventListener("click", () => navigator.share({ title: text("title"), url: ownLink() }).catch(console.debug));
const report = byId("report", HTMLButtonElement);
report.addEventListener("click", () => copy(report, connection.report()).catch(console.error));

function linked() {
  return idInLink(location.hash);
}

function followLink() {
  if (linked() !== "" && !elements.remoteId.readOnly) elements.remoteId.value = linked();
}
addEventListener("hashchange", followLink);
followLink();
