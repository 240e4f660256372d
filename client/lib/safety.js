/**
 * A number that is the same on both sides if they are connected to each other, and differs if somebody sits between them:
 * whoever controls the relay could replace the certificates' fingerprints that the two pages exchange.
 */
const GROUPS = 6;

/**
 * @param {string[]} descriptions SDP of the two sides, in any order
 * @returns {Promise<string>} groups of digits to read to each other, or "" where it cannot be known
 */
export async function safetyCode(descriptions) {
  const prints = descriptions.map((sdp) => /^a=fingerprint:(\S+ \S+)/m.exec(sdp)?.[1].toUpperCase());
  if (prints.includes(undefined) || globalThis.crypto.subtle === undefined) return "";
  const digest = new DataView(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(prints.sort().join("\n"))));
  return Array.from({ length: GROUPS }, (_, group) => String(digest.getUint32(group * 4) % 10_000).padStart(4, "0")).join(" ");
}
