// Controls (C0, DEL, C1), format characters (bidi controls, zero-width, soft hyphen, tags), line and
// paragraph separators, and surrogates without their other half.
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * `text` with every character that could move the cursor, reorder or hide text on a terminal shown
 * as `\x1b` (ASCII) or `\u{202e}`. That holds for newlines and tabs too. All else, among it a
 * backslash, stays as it is, so that escaping twice changes nothing. Never throws.
 *
 * @see https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
 * @example
 * escapeControls("a\u001b[2Jb"); // String.raw`a\x1b[2Jb`
 */
export function escapeControls(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    return code < 0x80 ? `\\x${hex.padStart(2, "0")}` : `\\u{${hex}}`;
  });
}
