/**
 * The own camera, microphone and screen, before and during a call. A camera that is off is really off: its track is
 * stopped, so that its light goes out, and opened again when it is wanted again.
 *
 * @typedef {import("./media.js").Choice} Choice
 * @typedef {import("./media.js").Media} Media
 * @typedef {import("./media.js").Wish} Wish
 *
 * @typedef {object} DevicesView
 * @property {MediaStream | null} stream
 * @property {boolean} muted
 * @property {boolean} camera
 * @property {boolean} sharing
 *
 * @typedef {object} DevicesOptions
 * @property {MediaDevices | undefined} devices absent where the page is not served securely
 * @property {(view: DevicesView) => void} onChange
 * @property {(kind: "audio" | "video", track: MediaStreamTrack | null) => void} onTrack
 */
import { MediaError, closeStream, mediaProblem, openMedia, prefer } from "./media.js";

export class Devices {
  /** @type {DevicesOptions} */ #options;
  /** @type {Media | null} */ #media = null;
  /** @type {Promise<Media> | null} */ #opening = null;
  /** Counts the times that everything was closed, so that what was opened before is not taken for what is open now. */
  #session = 0;
  /** @type {Choice} */ #choice = {};
  #muted = false;
  /** Whether the camera was on when the screen took its place; null while no screen is shared. */
  /** @type {boolean | null} */ #beforeSharing = null;
  /** One change of a device at a time: a second press waits for nothing and does nothing. */
  #changing = false;
  /** @type {Wish} */ wish = "everything";

  /** @param {DevicesOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** @returns {DevicesView} */
  get view() {
    const stream = this.#media?.stream ?? null;
    const sharing = this.#beforeSharing !== null;
    return { stream, muted: this.#muted || !this.#track("audio"), camera: !sharing && !!this.#track("video"), sharing };
  }

  /** What is open already or being opened, or else the devices that there are. */
  async open() {
    const session = this.#session;
    this.#opening ??= openMedia(this.#options.devices, undefined, this.wish, this.#choice);
    try {
      const media = await this.#opening;
      // Nobody wants it any more.
      if (session !== this.#session) closeStream(media.stream);
      else if (media !== this.#media) {
        this.#media = media;
        for (const track of media.stream.getTracks()) this.#follow(track);
        this.#options.onChange(this.view);
      }
      return media;
    } catch (error) {
      if (session === this.#session) this.#opening = null;
      throw error;
    }
  }

  close() {
    closeStream(this.#media?.stream ?? null);
    this.#session += 1;
    this.#opening = null;
    this.#media = null;
    this.#muted = false;
    this.wish = "everything";
    this.#beforeSharing = null;
    this.#options.onChange(this.view);
  }

  toggleMuted() {
    const track = this.#track("audio");
    if (!track) return this.#change(() => this.#openTrack("audio"));
    this.#muted = !this.#muted;
    track.enabled = !this.#muted;
    this.#options.onChange(this.view);
  }

  toggleCamera() {
    return this.#change(() => (this.view.camera ? this.#put("video", null) : this.#openTrack("video")));
  }

  toggleScreen() {
    return this.#change(async () => {
      if (this.view.sharing) return this.#stopSharing();
      const screen = await this.#options.devices?.getDisplayMedia({ video: true });
      const track = screen?.getVideoTracks()[0];
      if (!track) return;
      track.contentHint = "detail";
      const camera = this.view.camera;
      this.#put("video", track);
      this.#beforeSharing = camera;
    });
  }

  /** The next camera: on a phone from the front to the back. */
  flip() {
    return this.#change(async () => {
      const cameras = (await this.list()).filter(({ kind }) => kind === "videoinput");
      const present = this.#track("video")?.getSettings().deviceId;
      const next = cameras[(cameras.findIndex(({ deviceId }) => deviceId === present) + 1) % cameras.length];
      this.#choice.video = next?.deviceId;
      // A phone opens one camera at a time.
      this.#put("video", null);
      await this.#openTrack("video");
    });
  }

  /**
   * @param {"audio" | "video"} kind
   * @param {string} deviceId
   */
  choose(kind, deviceId) {
    this.#choice[kind] = deviceId;
    return this.#change(async () => {
      if (!this.#track(kind)) return;
      this.#put(kind, null);
      await this.#openTrack(kind);
    });
  }

  /** @returns {Promise<MediaDeviceInfo[]>} without names until the person has allowed their use */
  async list() {
    return (await this.#options.devices?.enumerateDevices()) ?? [];
  }

  /** @param {() => unknown} change */
  async #change(change) {
    if (this.#changing || this.#media === null) return;
    this.#changing = true;
    try {
      await change();
    } catch (error) {
      throw error instanceof MediaError ? error : new MediaError(mediaProblem(error), error);
    } finally {
      this.#changing = false;
      this.#options.onChange(this.view);
    }
  }

  /** @param {"audio" | "video"} kind */
  async #openTrack(kind) {
    const stream = await this.#options.devices?.getUserMedia({ [kind]: prefer(this.#choice[kind]) });
    const track = stream?.getTracks()[0];
    if (track) this.#put(kind, track);
  }

  async #stopSharing() {
    const camera = this.#beforeSharing;
    this.#put("video", null);
    if (camera) await this.#openTrack("video");
  }

  /**
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track takes the place of the present one
   */
  #put(kind, track) {
    // The call may have ended while the device opened.
    if (this.#media === null) return track?.stop();
    const { stream } = this.#media;
    const present = this.#track(kind);
    if (present) {
      present.onended = null;
      present.stop();
      stream.removeTrack(present);
    }
    if (track) {
      stream.addTrack(track);
      this.#follow(track);
    }
    if (kind === "video") this.#beforeSharing = null;
    else if (track) track.enabled = !this.#muted;
    this.#options.onTrack(kind, track);
  }

  /**
   * A device may be unplugged, and the browser itself offers to end the sharing of a screen.
   *
   * @param {MediaStreamTrack} track
   */
  #follow(track) {
    track.onended = () => {
      const sharing = this.#beforeSharing !== null && track.kind === "video";
      this.#change(() => (sharing ? this.#stopSharing() : this.#put(/** @type {"audio" | "video"} */ (track.kind), null)))
        .catch((error) => console.error("The camera did not come back:", error));
    };
  }

  /** @param {"audio" | "video"} kind */
  #track(kind) {
    return this.#media?.stream.getTracks().find((track) => track.kind === kind) ?? null;
  }
}
