/**
 * Timers behind one small type, so that the modules that wait can be tested on a clock that stands still.
 *
 * @typedef {object} Clock
 * @property {(callback: () => void, milliseconds: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} time in milliseconds since some moment
 */

/** @type {Clock} */
export const systemClock = {
  setTimeout: (callback, milliseconds) => globalThis.setTimeout(callback, milliseconds),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
  time: () => Date.now(),
};
