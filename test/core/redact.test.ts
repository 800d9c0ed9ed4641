import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { redactUrl } from "../../src/core/redact.ts";

describe("redactUrl", () => {
  test.each([
    ["https://host/a/b.tar.zst", "https://host/a/b.tar.zst"],
    ["https://me:secret@host/x", "https://***@host/x"],
    ["https://token@host:8443/x", "https://***@host:8443/x"],
    ["https://host/x?token=secret", "https://host/x?***"],
    ["https://me:secret@host/x?a=1&b=2#c", "https://***@host/x?***"],
    ["HTTPS://me:secret@host", "HTTPS://***@host"],
    ["socks5://me:secret@host", "socks5://***@host"],
    ["https://me:sec@ret@host/x", "https://***@host/x"],
    ["https://host/user@place", "https://host/user@place"],
    ["/a/folder", "/a/folder"],
    ["https://host/\u001b[2J", String.raw`https://host/\x1b[2J`],
  ])("shows %s as %s", (url, shown) => {
    expect(redactUrl(url)).toBe(shown);
  });

  test("leaves out what stands before the host without a scheme, as proxies are often written", () => {
    expect(redactUrl("me:secret@proxy:3128")).not.toContain("secret");
  });

  test("never shows a password or a query, and stays the same when it is done twice", () => {
    const word = fc.stringMatching(/^[a-z0-9%:._~+-]{1,12}$/);
    fc.assert(
      fc.property(word, word, (user, query) => {
        const shown = redactUrl(`https://${user}SECRET:SECRET${user}@host/p?${query}SECRET`);
        expect(shown).toBe("https://***@host/p?***");
        expect(redactUrl(shown)).toBe(shown);
      }),
    );
  });
});
