import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

const client = new URL("../../client/", import.meta.url);
/** Bytes, without comments, that one reader's browser gets before anybody calls. Lower it with the page. */
const LIMIT = 84_000;
/** Bytes of all files as they are served, with both languages. */
const SERVED_LIMIT = 142_000;
/** The only module that is loaded when it is asked for. */
const LATER = ["lib/qr.js"];

const names = (await readdir(client, { recursive: true })).filter((name) => /\.(js|html|css)$/.test(name));
const sources = new Map();
for (const name of names) sources.set(name, await readFile(new URL(name, client), "utf8"));

/** What a browser has to be given: comments, types and indentation are for the people who work on the page. */
function essence(source) {
  const code = source.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  return code.split("\n").map((line) => line.trim()).filter((line) => line !== "").join("\n");
}

/** @param {string[]} left out @param {(source: string) => string} [form] */
function weigh(left, form = (source) => source) {
  const weighed = names.filter((name) => !left.includes(name));
  return weighed.reduce((total, name) => total + Buffer.byteLength(form(sources.get(name))), 0);
}

test("the page stays light: in one language without comments, and all of it as it is served", (context) => {
  assert.ok(names.length > 15);
  const readers = ["en", "ko"].map((language) => weigh([`i18n/${language}.js`, ...LATER], essence));
  const served = weigh([]);
  context.diagnostic(`at start ${readers.join(" or ")} bytes without comments; ${served} bytes as served, all languages`);
  assert.ok(Math.max(...readers) <= LIMIT, `${readers} bytes at start`);
  assert.ok(served <= SERVED_LIMIT, `${served} bytes as served`);
});

test("what is not loaded at start is loaded by nobody else at start", () => {
  for (const [name, source] of sources) {
    for (const later of LATER) assert.doesNotMatch(source, new RegExp(`from "[./]*${later.replace("lib/", "")}"`), name);
  }
});

test("no file of the page names another host", () => {
  for (const [name, source] of sources) {
    assert.doesNotMatch(source.replaceAll("http://www.w3.org/2000/svg", ""), /["'(]\s*(https?:)?\/\/[a-z]/i, name);
  }
});
