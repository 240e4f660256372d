/**
 * The link to this page that calls somebody: their id is in the fragment, which no browser sends to the server. Where the relay lets
 * in only who has its token, that is there, too: `#ID&token=TOKEN`, or `#&token=TOKEN` to call nobody yet.
 */
const TOKEN = "&token=";

/**
 * @param {string} page the address of this page
 * @param {string} id
 * @param {string} [token]
 */
export function linkTo(page, id, token = "") {
  return `${page.split("#")[0]}#${encodeURIComponent(id)}${token && TOKEN + encodeURIComponent(token)}`;
}

/**
 * @param {string} fragment with its `#`
 * @returns {string} the id in it, or ""
 */
export function idInLink(fragment) {
  return decoded(fragment.slice(1).split("&")[0]).slice(0, 128);
}

/**
 * @param {string} fragment with its `#`
 * @returns {string} the token in it, or ""
 */
export function tokenInLink(fragment) {
  return decoded(fragment.split(TOKEN)[1]?.split("&")[0] ?? "");
}

/**
 * @param {string} url of the relay
 * @param {string} token
 */
export function withToken(url, token) {
  return token === "" ? url : `${url}?token=${encodeURIComponent(token)}`;
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
