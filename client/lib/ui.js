/**
 * What the page shows, as a function of the call and of the socket. Everything that comes from elsewhere is set as
 * text, never as markup.
 *
 * @typedef {import("./call.js").CallView} CallView
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
};

/** The elements that scripts, people and tests rely on. */
export const elements = {
  ownId: /** @type {HTMLInputElement} */ (byId("localConnectionId")),
  remoteId: /** @type {HTMLInputElement} */ (byId("remoteConnectionId")),
  localVideo: /** @type {HTMLVideoElement} */ (byId("localVideo")),
  remoteVideo: /** @type {HTMLVideoElement} */ (byId("remoteVideo")),
  dialer: /** @type {HTMLFormElement} */ (byId("dialer")),
  call: /** @type {HTMLButtonElement} */ (byId("call")),
  hangup: /** @type {HTMLButtonElement} */ (byId("hangup")),
  accept: /** @type {HTMLButtonElement} */ (byId("accept")),
  decline: /** @type {HTMLButtonElement} */ (byId("decline")),
  copy: /** @type {HTMLButtonElement} */ (byId("copy")),
  stage: byId("stage"),
  incoming: byId("incoming"),
  caller: byId("caller"),
  state: byId("state"),
  hint: byId("hint"),
  stuck: byId("stuck"),
};

/**
 * @param {CallView} view
 * @param {Status} status
 * @param {Translate} text
 */
export function showCall(view, status, text) {
  const { state, reason } = view;
  const shown = state === "idle" ? SIGNALING_STATES[status.name] : state;
  const busy = state !== "idle" && state !== "ended";
  const ringing = state === "ringing";

  elements.state.dataset.state = shown;
  elements.state.dataset.reason = reason ?? "";
  setText(elements.state, text(/** @type {TextKey} */ (reason === null ? `state.${shown}` : `ended.${reason}`)));
  setText(elements.hint, hintFor(view, status, text));

  elements.stage.hidden = !busy || ringing;
  elements.dialer.hidden = busy && !ringing;
  if (ringing) setText(elements.caller, text("incoming.title", { peer: view.peer }));
  const rangBefore = !elements.incoming.hidden;
  elements.incoming.hidden = !ringing;
  if (ringing && !rangBefore) elements.incoming.focus();
  // Both were about to call each other: the call button then means yes. For any other caller it must not, as it may
  // just be being pressed.
  const expected = ringing && elements.remoteId.value.trim() === view.peer;
  elements.call.disabled = status.name !== "open" || (busy && !expected);
  elements.remoteId.readOnly = busy;

  play(elements.localVideo, view.localStream);
  play(elements.remoteVideo, view.remoteStream);
}

/** @param {Status} status */
export function showOwnId(status) {
  elements.ownId.value = status.name === "open" ? status.connectionId : "";
  elements.copy.disabled = status.name !== "open";
}

/** @param {string} words what to do next */
export function showHint(words) {
  setText(elements.hint, words);
}

/**
 * @param {CallView} view
 * @param {Status} status
 * @param {Translate} text
 */
function hintFor({ state, reason, shortage, mediaError }, status, text) {
  if (mediaError instanceof MediaError) {
    return text(`media.${mediaError.problem}`, { error: String(mediaError.cause) });
  }
  if (shortage !== null) return text(`shortage.${shortage}`);
  if (state === "idle") return status.name === "unconfigured" ? text("hint.unconfigured") : "";
  switch (reason) {
    case "no-path":
    case "peer-gone":
    case "not-permitted":
    case "throttled":
    case "too-large":
    case "relay":
      return text(`hint.${reason}`);
    default:
      return "";
  }
}

/**
 * @param {HTMLElement} element
 * @param {string} words
 */
function setText(element, words) {
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
  // Where the browser refuses to play by itself, the person can press play.
  if (stream !== null) video.play().catch(() => void (video.controls = video.srcObject !== null));
}

/** @param {string} id */
function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element;
}
