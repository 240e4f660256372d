/** How others come to call this page: the own id, the link with it, and the link as a code for a phone's camera. */
import { linkTo } from "./link.js";
import { byId, elements, setText } from "./ui.js";

const COPIED_SHOWN = 2_000;
/** Readers need an empty margin around the code. */
const MARGIN = 4;

export class Invitation {
  #buttons = {
    copy: byId("copy", HTMLButtonElement),
    copyLink: byId("copyLink", HTMLButtonElement),
    shareLink: byId("shareLink", HTMLButtonElement),
    showCode: byId("showCode", HTMLButtonElement),
  };
  #code = byId("code");
  #text;
  #token;

  /**
   * @param {import("./ui.js").Translate} text
   * @param {() => string} token what links need besides the id, or ""
   */
  constructor(text, token) {
    this.#text = text;
    this.#token = token;
    const { copy, copyLink, shareLink, showCode } = this.#buttons;
    copy.onclick = () => {
      // Selected, it can still be copied by hand.
      elements.ownId.select();
      this.copy(copy, elements.ownId.value).catch(console.debug);
    };
    copyLink.onclick = () => this.copy(copyLink, this.#link).catch(() => prompt(text("link.copy"), this.#link));
    shareLink.hidden = navigator.share === undefined;
    shareLink.onclick = () => navigator.share({ title: text("title"), url: this.#link }).catch(console.debug);
    showCode.onclick = () => this.#show(this.#code.hidden === true).catch(console.error);
  }

  /** @param {string} id the own id, or "" while there is none */
  update(id) {
    elements.ownId.value = id;
    for (const button of Object.values(this.#buttons)) button.disabled = id === "";
    // An open code is that of an old id.
    if (!this.#code.hidden) this.#show(id !== "").catch(console.error);
  }

  /**
   * @param {HTMLButtonElement} button says so when it is done
   * @param {string} words
   */
  async copy(button, words) {
    await navigator.clipboard.writeText(words);
    setText(button, this.#text("own.copied"));
    setTimeout(() => setText(button, this.#text(/** @type {import("./i18n.js").TextKey} */ (button.dataset.text))), COPIED_SHOWN);
  }

  get #link() {
    return linkTo(location.href, elements.ownId.value, this.#token());
  }

  /** @param {boolean} shown */
  async #show(shown) {
    const { showCode } = this.#buttons;
    // Few want the code, and nobody else has to load what draws it.
    const { qrCode, qrPath } = await import("./qr.js");
    const modules = shown ? qrCode(this.#link) : null;
    showCode.hidden = shown && modules === null;
    showCode.setAttribute("aria-expanded", String(modules !== null));
    this.#code.hidden = modules === null;
    if (modules === null) return;
    const size = modules.length + 2 * MARGIN;
    this.#code.querySelector("svg")?.setAttribute("viewBox", `${-MARGIN} ${-MARGIN} ${size} ${size}`);
    this.#code.querySelector("path")?.setAttribute("d", qrPath(modules));
  }
}
