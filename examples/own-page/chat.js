// A page of one's own on the relay. All it needs from the deployment is the generated config.js beside it, and from the relay
// three kinds of frames:
//   ""                                  → {"connectionId": <own id>}
//   {"connectionId": <to>, "message"}   → {"connectionId": <own id>}, with "error": {"code", "message"} if it did not arrive
//                                         {"message", "from": <sender>} at the other side
import config from "./config.js";

const element = (id) => document.getElementById(id);
const socket = new WebSocket(config.websocketUrl);

socket.onopen = () => {
  socket.send("");
  // API Gateway closes a connection that is idle for 10 minutes.
  setInterval(() => socket.send(""), 5 * 60_000);
};
// After 2 hours it closes every connection, and the next one has another id.
socket.onclose = () => show("The connection was closed: reload the page for a new one.");
socket.onmessage = ({ data }) => {
  const { connectionId, error, from, message } = JSON.parse(data);
  if (from !== undefined) {
    show(`${from}: ${message}`);
    element("other").value = from;
  } else if (error !== undefined) {
    show(`Not delivered: ${error.message}`);
  } else if (connectionId !== undefined) {
    element("own").value = connectionId;
  }
};

element("form").onsubmit = (event) => {
  event.preventDefault();
  const [to, text] = [element("other").value.trim(), element("text").value];
  socket.send(JSON.stringify({ connectionId: to, message: text }));
  show(`me: ${text}`);
  element("text").value = "";
};

function show(line) {
  // What others send is text, never markup.
  const item = document.createElement("li");
  item.textContent = line;
  element("messages").append(item);
}
