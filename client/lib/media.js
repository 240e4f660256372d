/**
 * Camera and microphone: as much of them as there is, or one plain name for what is wrong.
 *
 * @typedef {"denied" | "insecure" | "missing" | "in-use" | "unfit" | "unknown"} MediaProblem
 * @typedef {"no-camera" | "no-microphone" | "watch-only" | "chose-sound" | "chose-nothing"} Shortage
 * @typedef {{ stream: MediaStream, shortage: Shortage | null }} Media
 * @typedef {"everything" | "sound" | "nothing"} Wish what the person wants to send
 * @typedef {{ audio?: string, video?: string }} Choice device ids; a device that is gone is no error
 */

/** @type {{ audio: boolean, video: boolean, shortage: Shortage | null }[]} */
const ATTEMPTS = [
  { audio: true, video: true, shortage: null },
  { audio: true, video: false, shortage: "no-camera" },
  { audio: false, video: true, shortage: "no-microphone" },
];

/** @type {Record<string, MediaProblem>} By the name of the error. */
const PROBLEMS = {
  NotAllowedError: "denied",
  SecurityError: "insecure",
  NotFoundError: "missing",
  NotReadableError: "in-use",
  AbortError: "in-use",
  OverconstrainedError: "unfit",
};

export class MediaError extends Error {
  /**
   * @param {MediaProblem} problem
   * @param {unknown} cause
   */
  constructor(problem, cause) {
    super(`camera or microphone: ${problem}`, { cause });
    this.problem = problem;
  }
}

/**
 * Opens the camera and the microphone, or what there is of them. Without either, one can still watch and listen.
 *
 * @param {Pick<MediaDevices, "getUserMedia"> | undefined} devices absent where the page is not served securely
 * @param {() => MediaStream} [emptyStream]
 * @param {Wish} [wish]
 * @param {Choice} [choice]
 * @returns {Promise<Media>}
 */
export async function openMedia(devices, emptyStream = () => new MediaStream(), wish = "everything", choice = {}) {
  if (wish === "nothing") return { stream: emptyStream(), shortage: "chose-nothing" };
  if (devices === undefined) throw new MediaError("insecure", undefined);
  /** @type {unknown} */
  let firstFailure;
  for (const { audio, video, shortage } of ATTEMPTS) {
    if (video && wish === "sound") continue;
    try {
      const constraints = { audio: audio && prefer(choice.audio), video: video && prefer(choice.video) };
      return { stream: await devices.getUserMedia(constraints), shortage: wish === "sound" ? "chose-sound" : shortage };
    } catch (error) {
      // A refusal is an answer: asking again for less would only nag.
      const problem = mediaProblem(error);
      if (problem === "denied" || problem === "insecure") throw new MediaError(problem, error);
      firstFailure ??= error;
    }
  }
  if (nameOf(firstFailure) === "NotFoundError") return { stream: emptyStream(), shortage: "watch-only" };
  throw new MediaError(mediaProblem(firstFailure), firstFailure);
}

/**
 * @param {string | undefined} deviceId
 * @returns {MediaTrackConstraints | true}
 */
export function prefer(deviceId) {
  return deviceId === undefined ? true : { deviceId: { ideal: deviceId } };
}

/** @param {MediaStream | null} stream */
export function closeStream(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * @param {unknown} error from getUserMedia
 * @returns {MediaProblem}
 */
export function mediaProblem(error) {
  return PROBLEMS[nameOf(error)] ?? "unknown";
}

/** @param {unknown} error */
function nameOf(error) {
  return error instanceof Error ? error.name : "";
}
