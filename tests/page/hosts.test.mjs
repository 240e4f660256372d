import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { test } from "node:test";

const client = new URL("../../client/", import.meta.url);

test("no file of the page names another host", async () => {
  const names = (await readdir(client, { recursive: true })).filter((name) => /\.(js|html|css)$/.test(name));
  assert.ok(names.length > 15);
  for (const name of names) {
    const source = await readFile(new URL(name, client), "utf8");
    assert.doesNotMatch(source.replaceAll("http://www.w3.org/2000/svg", ""), /["'(]\s*(https?:)?\/\/[a-z]/i, name);
  }
});
