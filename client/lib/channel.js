/**
 * What the two pages tell each other directly, beside sound and pictures. It is encrypted as these are, and reaches the
 * other side even while the relay does not.
 *
 * @typedef {{ muted: boolean, camera: boolean, sharing: boolean }} MediaStatus
 * @typedef {(
 *   | { type: "identity", connectionId: string, token: string }
 *   | { type: "status" } & MediaStatus
 *   | { type: "chat", text: string }
 * )} ChannelMessage `identity`: where the relay reaches the sender now, and what proves a later change.
 */
import { asObject, isId } from "./wire.js";

export const MAX_CHAT_LENGTH = 2_000;
const MAX_MESSAGE_LENGTH = 8 * 1024;

export class PeerChannel {
  /** @type {RTCDataChannel | null} */ #channel = null;
  /** @type {{ onOpen: () => void, onMessage: (message: ChannelMessage) => void }} */ #handlers;

  /** @param {{ onOpen: () => void, onMessage: (message: ChannelMessage) => void }} handlers */
  constructor(handlers) {
    this.#handlers = handlers;
  }

  /** @param {RTCDataChannel | null} channel takes the place of an earlier one */
  attach(channel) {
    this.#channel = channel;
    if (channel === null) return;
    channel.onopen = () => channel === this.#channel && this.#handlers.onOpen();
    channel.onmessage = ({ data }) => {
      const message = channel === this.#channel ? readMessage(data) : null;
      if (message !== null) this.#handlers.onMessage(message);
    };
  }

  /**
   * @param {ChannelMessage} message
   * @returns {boolean} whether it was sent
   */
  send(message) {
    if (this.#channel?.readyState !== "open") return false;
    this.#channel.send(JSON.stringify(message));
    return true;
  }
}

/**
 * @param {unknown} data
 * @returns {ChannelMessage | null}
 */
export function readMessage(data) {
  if (typeof data !== "string" || data.length > MAX_MESSAGE_LENGTH) return null;
  let message;
  try {
    message = asObject(JSON.parse(data));
  } catch {
    return null;
  }
  switch (message?.type) {
    case "identity":
      if (!isId(message.connectionId) || !isId(message.token)) return null;
      return { type: "identity", connectionId: message.connectionId, token: message.token };
    case "status":
      return { type: "status", muted: message.muted === true, camera: message.camera === true, sharing: message.sharing === true };
    case "chat":
      if (typeof message.text !== "string" || message.text.trim() === "") return null;
      return { type: "chat", text: message.text.slice(0, MAX_CHAT_LENGTH) };
    default:
      return null;
  }
}
