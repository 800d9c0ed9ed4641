import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";

import { escapeControls } from "../../src/core/escape.ts";

describe("escapeControls", () => {
  test.each([
    ["\u001b[31mred", String.raw`\x1b[31mred`],
    ["a\nb\tc\r\0\u007f", String.raw`a\x0ab\x09c\x0d\x00\x7f`],
    ["\u009b31m", String.raw`\u{9b}31m`],
    ["ab\u202ecd\u2066e\u2069", String.raw`ab\u{202e}cd\u{2066}e\u{2069}`],
    ["\u200e\u200f\u061c", String.raw`\u{200e}\u{200f}\u{61c}`],
    ["a\u200bb\u200d\ufeff\u00ad", String.raw`a\u{200b}b\u{200d}\u{feff}\u{ad}`],
    ["a\u2028b\u2029", String.raw`a\u{2028}b\u{2029}`],
    ["\ud800x\udc00", String.raw`\u{d800}x\u{dc00}`],
    ["\u{e0041}", String.raw`\u{e0041}`],
  ])("shows %j as %j", (text, shown) => {
    expect(escapeControls(text)).toBe(shown);
  });

  test("leaves letters of any script, emoji and backslashes alone", () => {
    const text = String.raw`grüße 内核 ядро 🦀 C:\x1b "quoted"`;
    expect(escapeControls(text)).toBe(text);
  });

  test("escapes each of the bidi controls", () => {
    for (let code = 0x202a; code <= 0x202e; code++) {
      expect(escapeControls(String.fromCodePoint(code))).toBe(`\\u{${code.toString(16)}}`);
    }
    for (let code = 0x2066; code <= 0x2069; code++) {
      expect(escapeControls(String.fromCodePoint(code))).toBe(`\\u{${code.toString(16)}}`);
    }
  });

  test("gives well-formed text without control characters, and the same when done twice", () => {
    const anyText = fc
      .array(fc.integer({ min: 0, max: 0xffff }))
      .map((codes) => String.fromCharCode(...codes));
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = escapeControls(text);
        expect(shown.isWellFormed()).toBe(true);
        expect(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.test(shown)).toBe(false);
        expect(escapeControls(shown)).toBe(shown);
      }),
    );
  });
});
