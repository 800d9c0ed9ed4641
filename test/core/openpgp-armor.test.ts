import { describe, expect, test } from "bun:test";
import { decodeArmor } from "../../src/core/openpgp-armor.ts";
import { packetTags } from "../../src/core/openpgp-packets.ts";
import { filesBelow, readRepositoryFile } from "../house/source-files.ts";

/** "hello": its CRC-24 is 47f58a. */
const hello = "-----BEGIN PGP SIGNATURE-----\n\naGVsbG8=\n=R/WK\n-----END PGP SIGNATURE-----\n";
const bytes = new TextEncoder().encode("hello");

describe("armor", () => {
  test.each([
    ["as gpg writes it", hello],
    ["with headers", hello.replace("\n\n", "\nVersion: GnuPG v2\nComment: a: b\n\n")],
    ["with line ends of DOS", hello.replaceAll("\n", "\r\n")],
    ["without the last line end", hello.trim()],
  ])("is read %s", (_, text) => {
    expect(decodeArmor(text, "PGP SIGNATURE")).toEqual(bytes);
  });

  test.each([
    ["is empty", ""],
    ["has another label", hello.replaceAll("SIGNATURE", "MESSAGE")],
    ["ends with another label", hello.replace("END PGP SIGNATURE", "END PGP MESSAGE")],
    ["has no checksum", hello.replace("=R/WK\n", "")],
    ["has a wrong checksum", hello.replace("=R/WK", "=R/WL")],
    ["has a changed byte", hello.replace("aGVs", "aGVt")],
    ["is cut", hello.slice(0, 50)],
    ["has text before it", `text\n${hello}`],
    ["has text after it", `${hello}text\n`],
    ["stands twice", hello + hello],
    ["has no empty line before its data", hello.replace("\n\n", "\n")],
    ["has padding within", hello.replace("aGVsbG8=", "aGVsbG8=\naGVsbG8=")],
    ["holds nothing", hello.replace("aGVsbG8=\n=R/WK", "=twTO")],
  ])("is refused when it %s", (_, text) => {
    expect(decodeArmor(text, "PGP SIGNATURE")).toBeUndefined();
  });
});

describe("packets", () => {
  test("are told apart by their tags, in the old and the new format", () => {
    const oldShort = [0x88, 1, 0];
    const oldLong = [0x89, 0, 2, 0, 0];
    const oldLonger = [0x8a, 0, 0, 0, 1, 0];
    const newShort = [0xc2, 1, 0];
    const newLong = [0xcb, 192, 0, ...Array.from({ length: 192 }, () => 0)];
    const newLonger = [0xcb, 255, 0, 0, 0, 1, 0];
    const all = [oldShort, oldLong, oldLonger, newShort, newLong, newLonger].flat();
    expect(packetTags(Uint8Array.from(all))).toEqual([2, 2, 2, 2, 11, 11]);
  });

  test.each([
    ["text", [0x68]],
    ["a cut packet", [0x88, 2, 0]],
    ["a cut head", [0x88]],
    ["a packet of unknown length", [0x8b, 0, 0]],
    ["a partial packet", [0xc2, 0xe0, 0]],
    ["rubbish after a packet", [0x88, 1, 0, 0]],
  ])("are not seen in %s", (_, raw) => {
    expect(packetTags(Uint8Array.from(raw))).toBeUndefined();
  });

  test("of each release key begin with one public key and hold no second", () => {
    const files = filesBelow("catalog/upstream-keys").filter((file) => file.endsWith(".asc"));
    expect(files).toHaveLength(3);
    for (const file of files) {
      const key = decodeArmor(readRepositoryFile(file), "PGP PUBLIC KEY BLOCK");
      const tags = packetTags(key ?? new Uint8Array()) ?? [];
      expect(tags[0]).toBe(6);
      expect(tags.filter((tag) => tag === 6)).toHaveLength(1);
      expect(tags.filter((tag) => ![2, 6, 13, 14].includes(tag))).toEqual([]);
    }
  });
});
