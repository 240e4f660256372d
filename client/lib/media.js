/**
 * Camera and microphone: as much of them as there is, or one plain name for what is wrong.
 *
 * @typedef {"denied" | "insecure" | "in-use" | "unfit" | "unknown"} MediaProblem
 * @typedef {"no-camera" | "no-microphone" | "watch-only"} Shortage
 * @typedef {{ stream: MediaStream, shortage: Shortage | null }} Media
 */

/** @type {{ constraints: MediaStreamConstraints, shortage: Shortage | null }[]} */
const CHOICES = [
  { constraints: { audio: true, video: true }, shortage: null },
  { constraints: { audio: true, video: false }, shortage: "no-camera" },
  { constraints: { audio: false, video: true }, shortage: "no-microphone" },
];

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
 * @returns {Promise<Media>}
 */
export async function openMedia(devices, emptyStream = () => new MediaStream()) {
  if (devices === undefined) throw new MediaError("insecure", undefined);
  /** @type {unknown} */
  let firstFailure;
  for (const { constraints, shortage } of CHOICES) {
    try {
      return { stream: await devices.getUserMedia(constraints), shortage };
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

/** @param {MediaStream | null} stream */
export function closeStream(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/**
 * @param {unknown} error from getUserMedia
 * @returns {MediaProblem}
 */
export function mediaProblem(error) {
  switch (nameOf(error)) {
    case "NotAllowedError":
      return "denied";
    case "SecurityError":
      return "insecure";
    case "NotReadableError":
    case "AbortError":
      return "in-use";
    case "OverconstrainedError":
      return "unfit";
    default:
      return "unknown";
  }
}

/** @param {unknown} error */
function nameOf(error) {
  return error instanceof Error ? error.name : "";
}
