/**
 * The page's words in the reader's language.
 *
 * @typedef {keyof typeof import("../i18n/en.js").default} TextKey
 * @typedef {Record<TextKey, string>} Table
 */
import en from "../i18n/en.js";
import ko from "../i18n/ko.js";

/** @type {Record<string, Table>} */
const TABLES = { en, ko };
const FALLBACK = "en";

/**
 * The first of the reader's languages that the page speaks.
 *
 * @param {readonly string[]} preferred BCP 47 tags, best first
 */
export function pickLanguage(preferred) {
  const primary = preferred.map((tag) => tag.toLowerCase().split("-")[0]);
  return primary.find((language) => Object.hasOwn(TABLES, language)) ?? FALLBACK;
}

/**
 * @param {string} language
 * @returns {(key: TextKey, values?: Record<string, string>) => string} fills `{name}` places with values
 */
export function translator(language) {
  const table = TABLES[language] ?? TABLES[FALLBACK];
  return (key, values = {}) => table[key].replace(/\{(\w+)\}/g, (place, name) => values[name] ?? place);
}

/**
 * Puts the words into the document: `data-text` names an element's text, `data-label` its label for screen readers,
 * `data-placeholder` its placeholder.
 *
 * @param {Document} document
 * @param {string} language
 */
export function translateDocument(document, language) {
  const text = translator(language);
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
