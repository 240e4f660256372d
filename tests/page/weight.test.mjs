import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

const client = new URL("../../client/", import.meta.url);
const LIMIT = 75 * 1024;

/** What a browser has to be given: comments, types and indentation are for the people who work on the page. */
function essence(source) {
  const code = source.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return code.split("\n").map((line) => line.trim()).filter((line) => line !== "").join("\n");
}

test("the page in one language weighs less than 75 KB", async () => {
  const names = (await readdir(client, { recursive: true })).filter((name) => /\.(js|html|css)$/.test(name));
  const weights = new Map();
  for (const name of names) weights.set(name, Buffer.byteLength(essence(await readFile(new URL(name, client), "utf8"))));
  const [lighter] = ["i18n/en.js", "i18n/ko.js"].sort((one, other) => weights.get(one) - weights.get(other));
  weights.delete(lighter);
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
  assert.ok(names.length > 15);
  assert.ok(total < LIMIT, `${total} bytes: ${[...weights].map(([name, weight]) => `${name} ${weight}`).join(", ")}`);
});

test("no file of the page names another host", async () => {
  for (const name of (await readdir(client, { recursive: true })).filter((name) => /\.(js|html|css)$/.test(name))) {
    const source = (await readFile(new URL(name, client), "utf8")).replaceAll("http://www.w3.org/2000/svg", "");
    assert.doesNotMatch(source, /["'(]\s*(https?:)?\/\/[a-z]/i, name);
  }
});
