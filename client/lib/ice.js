/**
 * By which paths a call may go.
 *
 * @param {RTCIceServer[]} servers
 * @returns {boolean} whether a call can go over a relay server, so that the two sides do not learn each other's address
 */
export function canRelay(servers) {
  return servers.some(({ urls }) => [urls].flat().some((url) => /^turns?:/i.test(url)));
}

/**
 * @param {RTCIceServer[]} iceServers
 * @param {boolean} hidden whether the other side must not learn our address: then rather no call than one that tells it
 * @returns {RTCConfiguration}
 */
export function peerConfiguration(iceServers, hidden) {
  return { iceServers, iceTransportPolicy: hidden ? "relay" : "all" };
}
