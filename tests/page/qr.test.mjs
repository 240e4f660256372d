import assert from "node:assert/strict";
import { test } from "node:test";
import jsqr from "jsqr";
import { linkTo } from "../../client/lib/link.js";
import { qrCode, qrPath } from "../../client/lib/qr.js";

const QUIET = 4;
const SCALE = 3;

/** The code as a camera gets it, read by somebody else's decoder. */
function read(code) {
  const size = (code.length + 2 * QUIET) * SCALE;
  const pixels = new Uint8ClampedArray(size * size * 4).fill(255);
  code.forEach((row, y) => row.forEach((dark, x) => {
    if (!dark) return;
    for (let down = 0; down < SCALE; down += 1) {
      const start = (((y + QUIET) * SCALE + down) * size + (x + QUIET) * SCALE) * 4;
      for (let right = 0; right < SCALE; right += 1) pixels.fill(0, start + right * 4, start + right * 4 + 3);
    }
  }));
  return jsqr.default(pixels, size, size);
}

function versionOf(code) {
  return (code.length - 17) / 4;
}

test("a decoder reads a link of every length that fits, in every version of the code", () => {
  const versions = new Set();
  for (let length = 1; length <= 412; length += length < 20 ? 1 : 7) {
    const text = "https://calls.example/#".repeat(20).slice(0, length - 1) + "=";
    const code = qrCode(text);
    assert.equal(read(code)?.data, text, `${length} bytes`);
    versions.add(versionOf(code));
  }
  assert.deepEqual([...versions], Array.from({ length: 15 }, (_, index) => index + 1));
});

test("the code has no larger version than it needs, to the byte", () => {
  for (const [bytes, version] of [[14, 1], [15, 2], [26, 2], [27, 3], [180, 9], [181, 10], [412, 15]]) {
    assert.equal(versionOf(qrCode("x".repeat(bytes))), version, `${bytes} bytes`);
  }
});

test("what does not fit has no code", () => {
  assert.notEqual(qrCode("x".repeat(412)), null);
  assert.equal(qrCode("x".repeat(413)), null);
});

test("the link of a page on AWS fits, and is read as it is", () => {
  const bucket = `https://${"b".repeat(63)}.s3.ap-northeast-2.amazonaws.com/index.html`;
  const link = linkTo(bucket, "Rk1RzfWcIAMCJ5Q=");
  assert.equal(read(qrCode(link)).data, link);
  assert.equal(read(qrCode("https://calls.example/통화#1")).data, "https://calls.example/통화#1");
});

test("a code is still read with a spot on it", () => {
  const text = "https://calls.example/index.html#Rk1RzfWcIAMCJ5Q%3D";
  const code = qrCode(text);
  const [from, to] = [Math.floor(code.length * 0.4), Math.floor(code.length * 0.65)];
  for (let y = from; y < to; y += 1) code[y].fill(false, from, to);
  assert.equal(read(code)?.data, text);
});

test("the path draws one square for each dark one", () => {
  assert.equal(qrPath([[true, false], [false, true]]), "M0 0h1v1h-1zM1 1h1v1h-1z");
});
