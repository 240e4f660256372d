/** The page: connects the elements, the devices, the socket and the call. */
import { Call } from "./lib/call.js";
import { Chat } from "./lib/chat.js";
import { ConnectionPanel } from "./lib/connection.js";
import { Devices } from "./lib/devices.js";
import { loadTable, pickLanguage, translateDocument, translator } from "./lib/i18n.js";
import { preparePeers } from "./lib/ice.js";
import { Invitation } from "./lib/invitation.js";
import { idInLink } from "./lib/link.js";
import { MediaError } from "./lib/media.js";
import { byId, elements, mediaWords, showCall, showHint } from "./lib/ui.js";
import { getIceSupply, joinToken, offersRelay, onFailure, onMessage, onStatus, renewWhen, sendMessage } from "./message.js";

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
  openMedia: () => {
    // What the call needs next is on its way while the camera opens.
    getIceSupply().then((supply) => supply.current()).catch(console.debug);
    return devices.open();
  },
  preparePeers: async () => {
    const supply = await getIceSupply();
    return preparePeers(supply, elements.hideAddress.checked, (configuration) => new RTCPeerConnection(configuration));
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
/** @type {import("./lib/lobby.js").Lobby | null} Few look at themselves first, and nobody else has to load it. */
let lobby = null;
const connection = new ConnectionPanel(text);
const invitation = new Invitation(text, joinToken);
offersRelay().then((offered) => (elements.privacy.hidden = !offered)).catch(console.debug);

function show() {
  const { view } = call;
  showCall(view, status, devices.view, text);
  lobby?.show(elements.lobby.hidden ? null : devices.view.stream);
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
  invitation.update(status.name === "open" ? status.connectionId : "");
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
elements.hangup.onclick = () => call.hangUp();
elements.accept.onclick = () => call.accept();
elements.decline.onclick = () => call.hangUp();
addEventListener("pagehide", () => call.hangUp());

for (const [button, wish] of /** @type {const} */ ([[elements.withoutCamera, "sound"], [elements.watchOnly, "nothing"]])) {
  button.onclick = () => {
    devices.wish = wish;
    if (call.view.state === "ringing") call.accept();
    else dial();
  };
}

elements.mute.onclick = () => Promise.resolve(devices.toggleMuted()).catch(showProblem);
elements.camera.onclick = () => devices.toggleCamera().catch(showProblem);
elements.flip.onclick = () => devices.flip().catch(showProblem);
// Whoever closes the browser's own question has changed their mind, and needs no explanation.
elements.share.onclick = () => devices.toggleScreen().catch((error) => error.problem === "denied" || showProblem(error));
elements.share.hidden = navigator.mediaDevices?.getDisplayMedia === undefined;
elements.unlock.onclick = () => {
  elements.unlock.hidden = true;
  elements.remoteVideo.play().catch(console.error);
};

elements.preview.onclick = () => loadLobby().then((lobby) => lobby.toggle()).catch(showProblem);

async function loadLobby() {
  const { Lobby } = await import("./lib/lobby.js");
  return (lobby ??= new Lobby(devices, text, showProblem));
}

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

const report = byId("report", HTMLButtonElement);
report.onclick = () => invitation.copy(report, connection.report()).catch(console.error);

function linked() {
  return idInLink(location.hash);
}

function followLink() {
  if (linked() !== "" && !elements.remoteId.readOnly) elements.remoteId.value = linked();
}
addEventListener("hashchange", followLink);
followLink();
