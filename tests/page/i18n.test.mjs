import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";
import en from "../../client/i18n/en.js";
import ko from "../../client/i18n/ko.js";
import { loadTable, pickLanguage, translator } from "../../client/lib/i18n.js";

const client = new URL("../../client/", import.meta.url);

test("every text exists in every language, with the same places to fill", () => {
  assert.deepEqual(Object.keys(ko), Object.keys(en));
  const places = (words) => [...words.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();
  for (const key of Object.keys(en)) {
    assert.notEqual(ko[key], "", key);
    assert.deepEqual(places(ko[key]), places(en[key]), key);
  }
});

test("every text is used, and every text that is used exists", async () => {
  const names = (await readdir(client, { recursive: true })).filter((name) => /\.(js|html)$/.test(name) && !name.startsWith("i18n"));
  const source = (await Promise.all(names.map((name) => readFile(new URL(name, client), "utf8")))).join("\n");
  const literal = new Set([...source.matchAll(/["`]([a-z]+\.[a-z-]+)["`]/g)].map(([, key]) => key));
  const families = [...source.matchAll(/`([a-z]+\.)\$\{/g)].map(([, prefix]) => prefix);
  const unused = Object.keys(en).filter((key) => key !== "title" && !literal.has(key) && !families.some((prefix) => key.startsWith(prefix)));
  assert.deepEqual(unused, []);
  const attributes = [...source.matchAll(/data-(?:text|label|placeholder)="([^"]+)"/g)].map(([, key]) => key);
  assert.ok(attributes.length > 5);
  assert.deepEqual(attributes.filter((key) => !(key in en)), []);
});

test("the reader's first language that the page speaks is taken", () => {
  assert.equal(pickLanguage(["ko-KR", "en"]), "ko");
  assert.equal(pickLanguage(["fr", "KO"]), "ko");
  assert.equal(pickLanguage(["en-GB", "ko"]), "en");
  assert.equal(pickLanguage(["constructor", "fr"]), "en");
  assert.equal(pickLanguage([]), "en");
});

test("the table of a language is loaded on its own", async () => {
  assert.equal(await loadTable(pickLanguage(["ko"])), ko);
  assert.equal(await loadTable(pickLanguage(["en"])), en);
});

test("values are filled in as they are", () => {
  assert.equal(translator(en)("incoming.title", { peer: "<b>{peer}$&" }), "<b>{peer}$& is calling");
});
