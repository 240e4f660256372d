/** The page: connects the elements, the socket and the call. */
import { Call } from "./lib/call.js";
import { pickLanguage, translateDocument, translator } from "./lib/i18n.js";
import { openMedia } from "./lib/media.js";
import { elements, showCall, showHint, showOwnId } from "./lib/ui.js";
import { getIceServers, onFailure, onMessage, onStatus, renewWhen, sendMessage } from "./message.js";

const language = pickLanguage(navigator.languages);
const text = translator(language);
translateDocument(document, language);
elements.stuck.remove();

/** @type {import("./message.js").Status} */
let status = { name: "connecting" };

const call = new Call({
  ownId: () => elements.ownId.value,
  send: sendMessage,
  openMedia: () => openMedia(navigator.mediaDevices),
  preparePeer: async () => {
    const iceServers = await getIceServers();
    return () => new RTCPeerConnection({ iceServers });
  },
  onChange: (view) => {
    showCall(view, status, text);
    if (view.state === "ringing") elements.remoteId.value = view.peer;
  },
});

onMessage("SDP", (payload, from) => call.receiveDescription(payload, from));
onMessage("ICE", (payload, from) => call.receiveCandidate(payload, from));
onMessage("BYE", (payload, from) => call.receiveGoodbye(payload, from));
onMessage("REBIND", (payload, from) => call.receiveRebind(payload, from));
renewWhen(() => ["idle", "connected", "ended"].includes(call.view.state));
addEventListener("online", () => call.networkChanged());

onStatus((next) => {
  if (status.name === "open" && next.name !== "open") call.signalingLost();
  status = next;
  showOwnId(status);
  if (status.name === "open") call.signalingOpened();
  elements.copy.textContent = text("own.copy");
  showCall(call.view, status, text);
  if (!isSecureContext) showHint(text("media.insecure"));
});

onFailure((failure) => {
  call.relayFailed(failure);
  if (failure.code === "service" && call.view.state === "idle") showHint(text("hint.service", failure));
});

elements.dialer.addEventListener("submit", (event) => {
  event.preventDefault();
  const peer = elements.remoteId.value.trim();
  if (peer === "") showHint(text("hint.no-id"));
  else if (peer === elements.ownId.value) showHint(text("hint.own-id"));
  else call.call(peer);
});
elements.hangup.addEventListener("click", () => call.hangUp());
elements.accept.addEventListener("click", () => call.accept());
elements.decline.addEventListener("click", () => call.hangUp());
addEventListener("pagehide", () => call.hangUp());

elements.copy.addEventListener("click", async () => {
  elements.ownId.select();
  try {
    await navigator.clipboard.writeText(elements.ownId.value);
    elements.copy.textContent = text("own.copied");
  } catch {
    // Selected, it can still be copied by hand.
  }
});
