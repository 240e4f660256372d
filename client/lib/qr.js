/**
 * A text as a QR code (ISO/IEC 18004): its bytes with error correction M, in the smallest of the versions 1 to 15. What
 * does not fit in there would be too fine for a phone to read from a screen.
 *
 * @typedef {boolean[][]} Modules rows of the code's squares: true is dark
 */

/** By version: error correction codewords in each block, and how many blocks there are. */
const CORRECTION = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10];
const PADDING = [0xec, 0x11];

/** @type {((x: number, y: number) => number)[]} A mask turns the squares over for which it gives 0. */
const MASKS = [
  (x, y) => (x + y) % 2,
  (_, y) => y % 2,
  (x) => x % 3,
  (x, y) => (x + y) % 3,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2,
  (x, y) => ((x * y) % 2) + ((x * y) % 3),
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2,
];

/**
 * @param {string} text
 * @returns {Modules | null} null if it does not fit
 */
export function qrCode(text) {
  const bytes = [...new TextEncoder().encode(text)];
  for (let version = 1; version <= BLOCKS.length; version += 1) {
    const patterns = drawPatterns(version);
    const free = patterns.flat().filter((dark) => dark === null).length;
    const codewords = encode(bytes, version, free >> 3);
    if (codewords === null) continue;
    const codes = MASKS.map((_, mask) => draw(patterns, codewords, mask));
    return codes.reduce((best, code) => (penalty(code) < penalty(best) ? code : best));
  }
  return null;
}

/** @param {Modules} modules @returns {string} the path of an SVG in which each square is one unit wide */
export function qrPath(modules) {
  return modules.flatMap((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
}

/**
 * @param {number[]} bytes
 * @param {number} version
 * @param {number} total codewords in the code
 * @returns {number[] | null} data and error correction in the order in which they are drawn
 */
function encode(bytes, version, total) {
  const [blocks, correction] = [BLOCKS[version - 1], CORRECTION[version - 1]];
  const capacity = total - blocks * correction;
  const length = bytes.length.toString(2).padStart(version < 10 ? 8 : 16, "0");
  let bits = `0100${length}${bytes.map((byte) => byte.toString(2).padStart(8, "0")).join("")}`;
  if (bits.length > capacity * 8) return null;
  bits = bits.padEnd(Math.min(bits.length + 4, capacity * 8), "0");
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "0");
  const data = (bits.match(/.{8}/g) ?? []).map((byte) => parseInt(byte, 2));
  for (let index = 0; data.length < capacity; index += 1) data.push(PADDING[index % 2]);

  const generator = generatorOf(correction);
  const [short, longOnes] = [Math.floor(capacity / blocks), capacity % blocks];
  const parts = Array.from({ length: blocks }, (_, block) => {
    return data.splice(0, short + Number(block >= blocks - longOnes));
  });
  return [...interleave(parts), ...interleave(parts.map((part) => remainder(part, generator)))];
}

/** @param {number[][]} parts @returns {number[]} the first of each, then the second of each, and so on */
function interleave(parts) {
  const longest = Math.max(...parts.map(({ length }) => length));
  return Array.from({ length: longest }, (_, index) => parts.flatMap((part) => part.slice(index, index + 1))).flat();
}

/**
 * In the field of 256 elements that the standard takes.
 *
 * @param {number} one
 * @param {number} other
 */
function multiply(one, other) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit -= 1) {
    product = (product << 1) ^ ((product >> 7) * 0x11d) ^ (((other >> bit) & 1) * one);
  }
  return product;
}

/** @param {number} degree @returns {number[]} coefficients of the Reed-Solomon generator below the leading 1 */
function generatorOf(degree) {
  const result = [...Array(degree - 1).fill(0), 1];
  let root = 1;
  for (let round = 0; round < degree; round += 1) {
    for (let index = 0; index < degree; index += 1) result[index] = multiply(result[index], root) ^ (result[index + 1] ?? 0);
    root = multiply(root, 2);
  }
  return result;
}

/** @param {number[]} data @param {number[]} generator */
function remainder(data, generator) {
  const result = generator.map(() => 0);
  for (const byte of data) {
    const factor = byte ^ Number(result.shift());
    result.push(0);
    generator.forEach((coefficient, index) => (result[index] ^= multiply(coefficient, factor)));
  }
  return result;
}

/** @param {number} version @returns {(boolean | null)[][]} what is the same in every code of the version; null is for data */
function drawPatterns(version) {
  const size = 17 + 4 * version;
  /** @type {(boolean | null)[][]} */
  const rows = Array.from({ length: size }, () => Array(size).fill(null));
  /** @type {(x: number, y: number, reach: number, dark: (distance: number) => boolean) => void} */
  const square = (centerX, centerY, reach, dark) => {
    for (let y = Math.max(0, centerY - reach); y <= Math.min(size - 1, centerY + reach); y += 1) {
      for (let x = Math.max(0, centerX - reach); x <= Math.min(size - 1, centerX + reach); x += 1) {
        rows[y][x] = dark(Math.max(Math.abs(x - centerX), Math.abs(y - centerY)));
      }
    }
  };
  for (let place = 0; place < size; place += 1) rows[6][place] = rows[place][6] = place % 2 === 0;
  const spots = alignments(version, size);
  for (const y of spots) {
    for (const x of spots) {
      const atFinder = Math.min(x, y) === 6 && [6, size - 7].includes(Math.max(x, y));
      if (!atFinder) square(x, y, 2, (distance) => distance !== 1);
    }
  }
  for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, (distance) => distance < 4 && distance !== 2);
  drawFormat(rows, 0);
  if (version >= 7) drawVersion(rows, version);
  return rows;
}

/** @param {number} version @param {number} size @returns {number[]} the rows, and columns, of the small squares */
function alignments(version, size) {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((2 * version + 2) / (count - 1)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, index) => size - 7 - index * step)];
}

/** @param {number} value @param {number} divisor @param {number} degree @returns {number} the value with its check bits */
function withCheck(value, divisor, degree) {
  let rest = value << degree;
  for (let bit = 31 - Math.clz32(rest); bit >= degree; bit -= 1) {
    if ((rest >> bit) & 1) rest ^= divisor << (bit - degree);
  }
  return (value << degree) | rest;
}

/** @param {(boolean | null)[][]} rows @param {number} mask the mask, and with it that the correction is M */
function drawFormat(rows, mask) {
  const size = rows.length;
  const bits = withCheck(mask, 0x537, 10) ^ 0x5412;
  for (let index = 0; index < 15; index += 1) {
    const dark = ((bits >> index) & 1) === 1;
    // Both copies step over the timing lines.
    const near = index < 6 ? index : index < 8 ? index + 1 : 14 - index;
    if (index < 8) rows[near][8] = rows[8][size - 1 - index] = dark;
    else rows[8][index === 8 ? 7 : near] = rows[size - 15 + index][8] = dark;
  }
  rows[size - 8][8] = true;
}

/** @param {(boolean | null)[][]} rows @param {number} version */
function drawVersion(rows, version) {
  const bits = withCheck(version, 0x1f25, 12);
  for (let index = 0; index < 18; index += 1) {
    const [far, near] = [rows.length - 11 + (index % 3), Math.floor(index / 3)];
    rows[far][near] = rows[near][far] = ((bits >> index) & 1) === 1;
  }
}

/**
 * @param {(boolean | null)[][]} patterns
 * @param {number[]} codewords
 * @param {number} mask
 * @returns {Modules}
 */
function draw(patterns, codewords, mask) {
  const size = patterns.length;
  const rows = patterns.map((row) => [...row]);
  let bit = 0;
  // Two columns at a time, from the right, up and down in turn; the column of the timing line is left out.
  for (let right = size - 1, up = true; right > 0; right -= right === 8 ? 3 : 2, up = !up) {
    for (let step = 0; step < size; step += 1) {
      const y = up ? size - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (rows[y][x] !== null) continue;
        const dark = (codewords[bit >> 3] >> (7 - (bit & 7))) & 1;
        rows[y][x] = (dark === 1) !== (MASKS[mask](x, y) === 0);
        bit += 1;
      }
    }
  }
  drawFormat(rows, mask);
  return /** @type {Modules} */ (rows);
}

/** @param {Modules} code @returns {number} how much in it could mislead a reader: long runs, blocks, what looks like a corner */
function penalty(code) {
  const columns = code.map((_, x) => code.map((row) => row[x]));
  let total = 0;
  for (const line of [...code, ...columns].map((squares) => squares.map(Number).join(""))) {
    for (const [run] of line.matchAll(/0{5,}|1{5,}/g)) total += run.length - 2;
    total += 40 * [...line.matchAll(/(?=00001011101|10111010000)/g)].length;
  }
  code.forEach((row, y) => row.forEach((dark, x) => {
    const [right, below, across] = [row[x + 1], code[y + 1]?.[x], code[y + 1]?.[x + 1]];
    if (dark === right && dark === below && dark === across) total += 3;
  }));
  const share = code.flat().filter(Boolean).length / code.length ** 2;
  return total + 10 * Math.floor(Math.abs(share - 0.5) * 20);
}
