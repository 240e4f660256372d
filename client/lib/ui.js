/**
 * What the page shows, as a function of the call and of the socket. Everything that comes from elsewhere is set as
 * text, never as markup.
 *
 * @typedef {import("./call.js").CallView} CallView
 * @typedef {import("./devices.js").DevicesView} DevicesView
 * @typedef {import("./i18n.js").TextKey} TextKey
 * @typedef {import("../message.js").Status} Status
 * @typedef {ReturnType<typeof import("./i18n.js").translator>} Translate
 */
import { MediaError } from "./media.js";

/** @type {Record<Status["name"], string>} */
const SIGNALING_STATES = {
  connecting: "starting",
  open: "ready",
  lost: "offline",
  silent: "silent",
  unconfigured: "unconfigured",
  refused: "refused",
};

/** Ends after which there is something to do. */
const HINTED = /** @type {const} */ (["no-path", "peer-gone", "not-permitted", "throttled", "too-large", "relay"]);

/** The elements that scripts, people and tests rely on. */
export const elements = {
  ...all(HTMLButtonElement, "call", "hangup", "accept", "decline", "mute", "camera", "flip", "share", "talk", "unlock", "withoutCamera", "watchOnly", "preview"),
  ...all(HTMLVideoElement, "localVideo", "remoteVideo"),
  ...all(HTMLElement, "stage", "veil", "remoteStatus", "fallback", "lobby", "privacy", "incoming", "caller", "state", "hint", "stuck"),
  dialer: byId("dialer", HTMLFormElement),
  ownId: byId("localConnectionId", HTMLInputElement),
  remoteId: byId("remoteConnectionId", HTMLInputElement),
  hideAddress: byId("hideAddress", HTMLInputElement),
};

/**
 * @param {CallView} view
 * @param {Status} status
 * @param {DevicesView} devices
 * @param {Translate} text
 */
export function showCall(view, status, devices, text) {
  const { state } = view;
  const busy = state !== "idle" && state !== "ended";
  // How the last call ended matters less than that there can be no other.
  const closed = status.name === "refused" && !busy;
  const reason = closed ? null : view.reason;
  const shown = state === "idle" || closed ? SIGNALING_STATES[status.name] : state;
  const ringing = state === "ringing";
  const onStage = busy && !ringing;

  elements.state.dataset.state = shown;
  elements.state.dataset.reason = reason ?? "";
  const words = text(/** @type {TextKey} */ (reason === null ? `state.${shown}` : `ended.${reason}`));
  setText(elements.state, words);
  setText(elements.hint, hintFor(view, status, devices, text));
  elements.fallback.hidden = !(view.mediaError instanceof MediaError);
  elements.withoutCamera.hidden = view.mediaError instanceof MediaError && view.mediaError.problem === "insecure";

  const focused = document.activeElement;
  elements.stage.hidden = !onStage;
  elements.dialer.hidden = elements.lobby.hidden = onStage;
  const caller = ringing ? text("incoming.title", { peer: view.peer }) : "";
  setText(elements.caller, caller);
  // Whoever is looking at another tab sees who is calling, too.
  document.title = caller || text("title");
  const rangBefore = !elements.incoming.hidden;
  elements.incoming.hidden = !ringing;
  // Both were about to call each other: the call button then means yes. For any other caller it must not, as it may
  // just be being pressed.
  const expected = ringing && elements.remoteId.value.trim() === view.peer;
  elements.call.disabled = status.name !== "open" || (busy && !expected);
  elements.remoteId.readOnly = busy;
  if (ringing && !rangBefore) elements.incoming.focus();
  // What had the focus is gone: the keyboard goes on where the page does.
  else if (focused instanceof HTMLElement && focused.closest("[hidden]")) (onStage ? elements.stage : elements.call).focus();

  setText(elements.veil, state === "connected" ? "" : words);
  showRemote(view, text);
  showDevices(devices);
  play(elements.localVideo, view.localStream);
  play(elements.remoteVideo, view.remoteStream);
}

/**
 * @param {CallView} view
 * @param {Translate} text
 */
function showRemote({ state, remote }, text) {
  const dark = remote !== null && !remote.camera && !remote.sharing;
  const what = [dark && "dark", remote?.muted && "muted"].filter(Boolean).join("-");
  setText(elements.remoteStatus, what === "" || state !== "connected" ? "" : text(/** @type {TextKey} */ (`remote.${what}`)));
  elements.remoteVideo.classList.toggle("dark", dark);
  elements.talk.hidden = remote === null;
}

/** @param {DevicesView} devices */
export function showDevices({ stream, muted, camera, sharing }) {
  press(elements.mute, muted);
  press(elements.camera, !camera);
  press(elements.share, sharing);
  const track = stream?.getVideoTracks()[0];
  elements.localVideo.hidden = track === undefined;
  elements.localVideo.classList.toggle("mirror", !sharing && track?.getSettings?.().facingMode !== "environment");
}

/** @param {string} words what to do next */
export function showHint(words) {
  setText(elements.hint, words);
}

/**
 * @param {CallView} view
 * @param {Status} status
 * @param {DevicesView} devices
 * @param {Translate} text
 */
function hintFor({ state, reason, shortage, mediaError }, status, devices, text) {
  if (status.name === "refused" && (state === "idle" || state === "ended")) return text(`hint.refused-${status.why}`);
  if (mediaError instanceof MediaError) return mediaWords(mediaError, text);
  // A camera or microphone that was missing may have been turned on since.
  const missing = shortage === "no-microphone" ? devices.muted : !devices.camera && !devices.sharing;
  if (shortage !== null && missing) return text(`shortage.${shortage}`);
  if (state === "idle") return status.name === "unconfigured" ? text("hint.unconfigured") : "";
  const hinted = HINTED.find((known) => known === reason);
  return hinted ? text(`hint.${hinted}`) : "";
}

/**
 * @param {MediaError} error
 * @param {Translate} text
 */
export function mediaWords(error, text) {
  return text(`media.${error.problem}`, { error: String(error.cause) });
}

/**
 * @param {HTMLButtonElement} button
 * @param {boolean} pressed
 */
function press(button, pressed) {
  button.setAttribute("aria-pressed", String(pressed));
}

/**
 * @param {HTMLElement} element
 * @param {string} words
 */
export function setText(element, words) {
  // Setting the same text again would make a screen reader say it again.
  if (element.textContent !== words) element.textContent = words;
}

/**
 * @param {HTMLVideoElement} video
 * @param {MediaStream | null} stream
 */
function play(video, stream) {
  if (video.srcObject === stream) return;
  video.srcObject = stream;
  if (video === elements.remoteVideo) elements.unlock.hidden = true;
  // Without a press a browser may refuse to play sound.
  if (stream !== null) video.play().catch((error) => {
    if (video === elements.remoteVideo && error.name === "NotAllowedError") elements.unlock.hidden = false;
  });
}

/**
 * @template {HTMLElement} [E=HTMLElement]
 * @param {string} id
 * @param {{ new (): E }} [type]
 * @returns {E}
 */
export function byId(id, type = /** @type {{ new (): any }} */ (HTMLElement)) {
  const element = document.getElementById(id);
  if (element instanceof type) return element;
  throw new Error(`index.html has no #${id}`);
}

/**
 * @template {HTMLElement} E
 * @template {string} Id
 * @param {{ new (): E }} type
 * @param {Id[]} ids
 * @returns {Record<Id, E>} by their ids
 */
function all(type, ...ids) {
  return /** @type {Record<Id, E>} */ (Object.fromEntries(ids.map((id) => [id, byId(id, type)])));
}
