// A call client as tutorials write it: no consent, no queue, no messages but SDP and ICE. Runs on any page of the site.
const [remoteId, done] = arguments;
(async () => {
  const { default: config } = await import(new URL("config.js", location.href).href);
  const socket = new WebSocket(config.websocketUrl);
  const video = document.body.appendChild(document.createElement("video"));
  Object.assign(video, { autoplay: true, muted: true, id: "remoteVideo" });
  let peer = null;

  const send = (connectionId, type, payload) => socket.send(JSON.stringify({ connectionId, message: { type, payload } }));

  async function start(connectionId) {
    peer = new RTCPeerConnection({ iceServers: config.iceServers });
    peer.onicecandidate = ({ candidate }) => send(connectionId, "ICE", candidate);
    peer.ontrack = ({ streams }) => { video.srcObject = streams[0]; };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: true });
    stream.getTracks().forEach((track) => peer.addTrack(track, stream));
  }

  socket.onopen = () => socket.send("");
  socket.onmessage = async ({ data }) => {
    if (data === "") return;
    const { connectionId, message, from } = JSON.parse(data);
    if (connectionId !== undefined && window.connectionId === undefined) {
      window.connectionId = connectionId;
      done(connectionId);
      if (remoteId !== null) {
        await start(remoteId);
        const offer = await peer.createOffer();
        await peer.setLocalDescription(offer);
        send(remoteId, "SDP", offer);
      }
    }
    if (message?.type === "SDP" && message.payload.type === "offer") {
      await start(from);
      await peer.setRemoteDescription(message.payload);
      const answer = await peer.createAnswer();
      await peer.setLocalDescription(answer);
      send(from, "SDP", answer);
    } else if (message?.type === "SDP") {
      await peer.setRemoteDescription(message.payload);
    } else if (message?.type === "ICE" && peer?.remoteDescription) {
      await peer.addIceCandidate(message.payload);
    }
  };
})();
