/** The written conversation beside the call: shown as text, never as markup, and gone with the call. */
import { byId, setText } from "./ui.js";

const MAX_SHOWN = 200;

export class Chat {
  #panel = byId("chat");
  #list = byId("messages");
  #toggle = byId("talk");
  #words = byId("words", HTMLInputElement);
  #text;

  /**
   * @param {(words: string) => boolean} send
   * @param {import("./ui.js").Translate} text
   * @param {(words: string) => void} showHint
   */
  constructor(send, text, showHint) {
    this.#text = text;
    this.#toggle.onclick = () => this.toggle();
    byId("writer").addEventListener("submit", (event) => {
      event.preventDefault();
      const words = this.#words.value.trim();
      if (words === "") return;
      if (!send(words)) return showHint(text("chat.unsent"));
      this.#words.value = "";
      this.#add("chat.me", words);
    });
  }

  toggle() {
    this.#show(this.#panel.hidden === true);
    (this.#panel.hidden ? this.#toggle : this.#words).focus();
  }

  /** @param {string} words from the other person */
  receive(words) {
    this.#show(true);
    this.#add("chat.other", words);
  }

  clear() {
    this.#show(false);
    this.#list.replaceChildren();
  }

  /** @param {boolean} shown */
  #show(shown) {
    this.#panel.hidden = !shown;
    this.#toggle.setAttribute("aria-expanded", String(shown));
  }

  /**
   * @param {"chat.me" | "chat.other"} who
   * @param {string} words
   */
  #add(who, words) {
    const item = document.createElement("p");
    const name = document.createElement("strong");
    setText(name, this.#text(who));
    item.className = who === "chat.me" ? "mine" : "";
    item.append(name, words);
    this.#list.append(item);
    if (this.#list.childElementCount > MAX_SHOWN) this.#list.firstElementChild?.remove();
    this.#list.scrollTop = this.#list.scrollHeight;
  }
}
