import { expect, test } from "bun:test";
import { strongValidator } from "../../src/core/http-fields.ts";

const date = "Wed, 21 Oct 2026 07:28:00 GMT";

test.each([
  ['"v1"', null, '"v1"'],
  ['"v1"', date, '"v1"'],
  ['W/"v1"', date, date],
  ["v1", null, undefined],
  ['"\u00e9"', date, date],
  ['"a\u0001b"', null, undefined],
  [null, "\ud800", undefined],
  [null, "", undefined],
  [`"${"x".repeat(2000)}"`, null, undefined],
])("of ETag %j and Last-Modified %j, %j can be sent back", (etag, lastModified, validator) => {
  expect(strongValidator(etag, lastModified)).toBe(validator);
});
