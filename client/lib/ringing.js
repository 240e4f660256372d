/** How often this page lets itself be rung: ids are no secrets, and a stranger must not be able to ring all day. */
const WINDOW = 60_000;
const RINGS_BY_ONE = 3;
const RINGS_BY_ALL = 12;

export class RingLimit {
  /** @type {{ from: string, at: number }[]} */ #rings = [];

  /**
   * @param {string} from
   * @param {number} now
   * @returns {boolean} whether it may ring; if so, it counts
   */
  allows(from, now) {
    this.#rings = this.#rings.filter(({ at }) => now - at < WINDOW);
    const byThisOne = this.#rings.filter((ring) => ring.from === from).length;
    if (this.#rings.length >= RINGS_BY_ALL || byThisOne >= RINGS_BY_ONE) return false;
    this.#rings.push({ from, at: now });
    return true;
  }
}
