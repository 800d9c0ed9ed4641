import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { Output } from "../../src/cli/output.ts";
import { renderFields, renderTable } from "../../src/cli/table.ts";

/** Where standard output is a terminal of so many columns, or none. */
function outputOf(columns: number | undefined): Output {
  const options = { program: "banger", json: false, quiet: false, verbose: false, color: false };
  return Object.defineProperty(new Output({}, options), "columns", { value: columns });
}

const columns = [{ heading: "NAME" }, { heading: "SIZE" }, { heading: "TEXT", flexible: true }];
const rows = [
  ["generic-6.12", "9 B", "a kernel that is described at some length"],
  ["a", "10 B", "short"],
];

describe("a table", () => {
  test("has a heading and a line for each row, aligned, without spaces at the end", () => {
    expect(renderTable(outputOf(undefined), columns, rows)).toBe(
      [
        "NAME          SIZE  TEXT",
        "generic-6.12  9 B   a kernel that is described at some length",
        "a             10 B  short",
      ].join("\n"),
    );
  });

  test("is never cut where there is no terminal, and stays whole where it just fits", () => {
    const whole = renderTable(outputOf(undefined), columns, rows);
    const width = Math.max(...whole.split("\n").map((line) => line.length));
    expect(renderTable(outputOf(width), columns, rows)).toBe(whole);
    const long = [["x".repeat(5000), "1", "y"]];
    expect(renderTable(outputOf(undefined), columns, long)).toContain("x".repeat(5000));
  });

  test("has its flexible column cut on a terminal that is too narrow", () => {
    expect(renderTable(outputOf(40), columns, rows)).toBe(
      [
        "NAME          SIZE  TEXT",
        "generic-6.12  9 B   a kernel that is de…",
        "a             10 B  short",
      ].join("\n"),
    );
  });

  test("becomes a block for each row where cutting would leave too little", () => {
    expect(renderTable(outputOf(24), columns, rows)).toBe(
      [
        ["name: generic-6.12", "size: 9 B", "text: a kernel that is described at some length"],
        ["", "name: a", "size: 10 B", "text: short"],
      ]
        .flat()
        .join("\n"),
    );
  });

  test("becomes blocks on a narrow terminal when no column may be cut", () => {
    const fixed = columns.map(({ heading }) => ({ heading }));
    expect(renderTable(outputOf(40), fixed, rows)).toContain("name: generic-6.12\n");
  });

  test("without rows is its heading", () => {
    expect(renderTable(outputOf(80), columns, [])).toBe("NAME  SIZE  TEXT");
  });

  test("shows control characters escaped, and is aligned by what is shown", () => {
    const evil = [
      ["a\u001b[2Jb", "1", "x\ny"],
      ["a", "2", "\u202eevil"],
    ];
    expect(renderTable(outputOf(undefined), columns, evil)).toBe(
      [
        "NAME       SIZE  TEXT",
        String.raw`a\x1b[2Jb  1     x\x0ay`,
        String.raw`a          2     \u{202e}evil`,
      ].join("\n"),
    );
  });

  test("with a flexible column is never wider than the terminal, unless it is in blocks", () => {
    const cell = fc.string({ minLength: 0, maxLength: 60 });
    const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(table, fc.integer({ min: 20, max: 120 }), (cells, width) => {
        const text = renderTable(outputOf(width), columns, cells);
        expect(text).not.toMatch(/[\p{Cc}--\n]/v);
        if (!text.startsWith("NAME")) return;
        expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(width);
        expect(text.split("\n")).toHaveLength(cells.length + 1);
      }),
    );
  });
});

describe("fields", () => {
  test("are lines of key and value, with the values below each other", () => {
    const fields = [
      ["name", "generic-6.12"],
      ["boot args", "quiet\u0007"],
    ] as const;
    expect(renderFields(outputOf(undefined), fields)).toBe(
      ["name:      generic-6.12", String.raw`boot args: quiet\x07`].join("\n"),
    );
  });
});
