/**
 * The page connects to its own relay and to nothing else. Which one that is stands in `config.js`, so the policy in `index.html`
 * can only say "a WebSocket"; one that is put beside it is in force together with it, from then on and until the page is left.
 */

/** @param {string} relay the WebSocket URL */
export function connectOnlyTo(relay) {
  const meta = document.createElement("meta");
  meta.httpEquiv = "Content-Security-Policy";
  meta.content = `connect-src ${sourceOf(new URL(relay))}`;
  document.head.append(meta);
}

/**
 * As a policy names it: without the query, and with nothing in it that would end the policy there.
 *
 * @param {URL} url
 */
export function sourceOf({ protocol, hostname, host, pathname }) {
  // The language of policies has no words for an address of IPv6.
  if (hostname.startsWith("[")) return protocol;
  return `${protocol}//${host}${pathname.replace(/[;,]/g, (sign) => encodeURIComponent(sign))}`;
}
