/**
 * Shows how loud a stream is, until it is told to stop.
 *
 * @param {MediaStream} stream
 * @param {HTMLMeterElement} meter
 * @returns {() => void}
 */
export function showLevel(stream, meter) {
  if (stream.getAudioTracks().length === 0) return () => {};
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  let frame = requestAnimationFrame(function show() {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((total, sample) => total + sample * sample, 0) / samples.length;
    // Speech lies some 50 decibels wide below full scale.
    meter.value = Math.max(0, 1 + Math.log10(power + 1e-9) / 5);
    frame = requestAnimationFrame(show);
  });
  return () => {
    cancelAnimationFrame(frame);
    context.close();
    meter.value = 0;
  };
}
