/** Before a call: a look at oneself, which camera and which microphone, and whether it hears anything. */
import { showLevel } from "./meter.js";
import { byId, elements, setText } from "./ui.js";

export class Lobby {
  #panel = byId("check");
  #video = byId("previewVideo", HTMLVideoElement);
  #level = byId("level", HTMLMeterElement);
  #pickers = { audio: byId("microphones", HTMLSelectElement), video: byId("cameras", HTMLSelectElement) };
  #stopLevel = () => {};
  /** @type {MediaStreamTrack | undefined} The microphone whose level is shown. */ #heard;
  #devices;
  #text;

  /**
   * @param {import("./devices.js").Devices} devices
   * @param {import("./ui.js").Translate} text
   * @param {(error: unknown) => void} onError
   */
  constructor(devices, text, onError) {
    this.#devices = devices;
    this.#text = text;
    for (const kind of /** @type {const} */ (["audio", "video"])) {
      const picker = this.#pickers[kind];
      picker.addEventListener("change", () => devices.choose(kind, picker.value).catch(onError));
    }
    navigator.mediaDevices?.addEventListener("devicechange", () => this.open && this.#list());
  }

  get open() {
    return !this.#panel.hidden;
  }

  async toggle() {
    if (this.open) this.#devices.close();
    else await this.#devices.open();
  }

  /** @param {MediaStream | null} stream what is open, if it is not in a call */
  show(stream) {
    const microphone = stream?.getAudioTracks()[0];
    if (microphone !== this.#heard) {
      this.#stopLevel();
      this.#stopLevel = stream === null ? () => {} : showLevel(stream, this.#level);
      this.#heard = microphone;
    }
    if (this.#video.srcObject === stream) return;
    this.#video.srcObject = stream;
    this.#panel.hidden = stream === null;
    elements.preview.setAttribute("aria-expanded", String(this.open));
    setText(elements.preview, this.#text(this.open ? "lobby.close" : "lobby.open"));
    if (this.open) this.#list();
  }

  async #list() {
    const all = await this.#devices.list();
    const used = this.#devices.view.stream?.getTracks().map((track) => track.getSettings().deviceId) ?? [];
    for (const [kind, picker] of Object.entries(this.#pickers)) {
      const options = all.filter((device) => device.kind === `${kind}input`).map(({ label, deviceId }) => {
        return new Option(label, deviceId, false, used.includes(deviceId));
      });
      picker.replaceChildren(...options);
      picker.disabled = options.length < 2;
    }
  }
}
