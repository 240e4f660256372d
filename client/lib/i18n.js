/**
 * The page's words in the reader's language.
 *
 * @typedef {keyof typeof import("../i18n/en.js").default} TextKey
 * @typedef {Record<TextKey, string>} Table
 */
const LANGUAGES = ["en", "ko"];

/**
 * The first of the reader's languages that the page speaks.
 *
 * @param {readonly string[]} preferred BCP 47 tags, best first
 */
export function pickLanguage(preferred) {
  const primary = preferred.map((tag) => tag.toLowerCase().split("-")[0]);
  return primary.find((language) => LANGUAGES.includes(language)) ?? LANGUAGES[0];
}

/**
 * Only the reader's language travels.
 *
 * @param {string} language that `pickLanguage` has picked
 * @returns {Promise<Table>}
 */
export async function loadTable(language) {
  return (await import(`../i18n/${language}.js`)).default;
}

/**
 * @param {Table} table
 * @returns {(key: TextKey, values?: Record<string, string>) => string} fills `{name}` places with values
 */
export function translator(table) {
  return (key, values = {}) => table[key].replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

/**
 * Puts the words into the document: `data-text` names an element's text, `data-label` its label for screen readers,
 * `data-placeholder` its placeholder.
 *
 * @param {Document} document
 * @param {string} language
 * @param {ReturnType<typeof translator>} text
 */
export function translateDocument(document, language, text) {
  document.documentElement.lang = language;
  document.title = text("title");
  for (const element of document.querySelectorAll("[data-text], [data-label], [data-placeholder]")) {
    const { text: words, label, placeholder } = /** @type {HTMLElement} */ (element).dataset;
    if (words) element.textContent = text(/** @type {TextKey} */ (words));
    if (label) element.setAttribute("aria-label", text(/** @type {TextKey} */ (label)));
    const key = element.getAttribute("aria-keyshortcuts");
    if (label && element instanceof HTMLButtonElement) element.title = text(/** @type {TextKey} */ (label)) + (key ? ` (${key})` : "");
    if (placeholder) element.setAttribute("placeholder", text(/** @type {TextKey} */ (placeholder)));
  }
}
