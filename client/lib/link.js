/** The link to this page that calls somebody: their id is in the fragment, which no browser sends to the server. */

/**
 * @param {string} page the address of this page
 * @param {string} id
 */
export function linkTo(page, id) {
  return `${page.split("#")[0]}#${encodeURIComponent(id)}`;
}

/**
 * @param {string} fragment with its `#`
 * @returns {string} the id in it, or ""
 */
export function idInLink(fragment) {
  try {
    return decodeURIComponent(fragment.slice(1)).slice(0, 128);
  } catch {
    return "";
  }
}
