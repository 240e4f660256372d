import assert from "node:assert/strict";
import { test } from "node:test";
import { Admission } from "../../client/lib/admission.js";
import { settled } from "./fakes.mjs";

const OPEN = { origins: [], joinToken: false };
const lost = (attempts) => ({ name: "lost", attempts });
const refused = (why) => ({ name: "refused", why });

function page(doors) {
  const told = [];
  const host = { doors, looks: 0 };
  const look = async () => {
    host.looks += 1;
    if (host.doors === null) throw new TypeError("Failed to fetch");
    return host.doors;
  };
  const admission = new Admission({ look, onStatus: (status) => told.push(status), origin: "https://page.test" });
  /** What the page says in the end. */
  const hear = async (status) => {
    admission.hear(status);
    await settled();
    return told.at(-1);
  };
  return { admission, hear, host, told };
}

test("a page that was never let in is refused after two attempts, by its address or for want of a token", async () => {
  for (const [doors, why] of [
    [{ origins: [], joinToken: true }, "token"],
    [{ origins: ["https://other.test"], joinToken: false }, "origin"],
    [{ origins: ["https://other.test"], joinToken: true }, "origin"],
    [{ origins: ["https://other.test", "https://page.test"], joinToken: true }, "token"],
  ]) {
    const { hear, host } = page(doors);
    assert.deepEqual(await hear(lost(1)), lost(1));
    assert.equal(host.looks, 0);
    assert.deepEqual(await hear(lost(2)), refused(why));
  }
});

test("a relay that is not choosy, or that lets this page in, is only gone", async () => {
  for (const doors of [OPEN, { origins: ["https://page.test"], joinToken: false }]) {
    assert.deepEqual(await page(doors).hear(lost(5)), lost(5));
  }
});

test("a page that does not reach its own host has no network, whatever the relay wants", async () => {
  const { hear, host } = page(null);
  assert.deepEqual(await hear(lost(9)), lost(9));
  host.doors = { origins: [], joinToken: true };
  assert.deepEqual(await hear(lost(10)), refused("token"));
  host.doors = null;
  assert.deepEqual(await hear(lost(11)), lost(11));
});

test("a page whose token was changed while it was open hears it, later than one that was never let in", async () => {
  const { hear, host } = page(OPEN);
  await hear({ name: "open", connectionId: "a=" });
  // The doors may have been closed after this page was loaded.
  host.doors = { origins: [], joinToken: true };
  for (const attempts of [1, 2, 3]) assert.deepEqual(await hear(lost(attempts)), lost(attempts));
  assert.equal(host.looks, 0);
  assert.deepEqual(await hear(lost(4)), refused("token"));
});

test("who is refused stays it while the next attempts fail, and is let in when one succeeds", async () => {
  const { hear, told } = page({ origins: [], joinToken: true });
  await hear(lost(2));
  told.length = 0;
  await hear(lost(3));
  assert.deepEqual(told, [refused("token")]);
  assert.deepEqual(await hear({ name: "open", connectionId: "a=" }), { name: "open", connectionId: "a=" });
  assert.deepEqual(await hear(lost(1)), lost(1));
});

test("an answer that comes when the relay has let the page in is about the past", async () => {
  const { admission, told } = page({ origins: [], joinToken: true });
  admission.hear(lost(2));
  admission.hear({ name: "open", connectionId: "a=" });
  await settled();
  assert.deepEqual(told, [lost(2), { name: "open", connectionId: "a=" }]);
});
