import { escapeControls } from "../core/escape.ts";
import type { Output } from "./output.ts";

/** A column of a table: its heading, and whether it may be cut to make the table fit. */
export interface Column {
  readonly heading: string;
  readonly flexible?: boolean;
}

const gap = "  ";
const minFlexibleColumns = 12;

/**
 * Renders rows as a table. On a terminal that is too narrow the flexible column is cut, and when
 * that is not enough each row becomes a block of lines; elsewhere nothing is ever cut.
 *
 * @param rows as many cells each as there are columns; control characters are shown escaped.
 */
export function renderTable(
  output: Output,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  const cells = rows.map((row) => row.map((cell) => escapeControls(cell)));
  const widths = columns.map((column, index) =>
    Math.max(column.heading.length, ...cells.map((row) => row[index]?.length ?? 0)),
  );
  const total = widths.reduce((sum, width) => sum + width, 0) + gap.length * (columns.length - 1);
  const excess = output.columns === undefined ? 0 : total - output.columns;
  if (excess > 0) {
    const flexible = columns.findIndex((column) => column.flexible === true);
    const shrunk = (widths[flexible] ?? 0) - excess;
    if (shrunk < minFlexibleColumns) return renderBlocks(output, columns, cells);
    widths[flexible] = shrunk;
  }
  const line = (row: readonly string[]): string =>
    row
      .map((cell, index) => fit(cell, widths[index] ?? 0))
      .join(gap)
      .trimEnd();
  const heading = output.paint("bold", line(columns.map((column) => column.heading)));
  return [heading, ...cells.map(line)].join("\n");
}

function fit(cell: string, width: number): string {
  // Half of a surrogate pair is no character.
  const cut = cell.slice(0, width - 1).replace(/[\uD800-\uDBFF]$/, "");
  return cell.length > width ? `${cut}…`.padEnd(width) : cell.padEnd(width);
}

function renderBlocks(
  output: Output,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string {
  return rows
    .map((row) =>
      renderFields(
        output,
        columns.map((column, index) => [column.heading.toLowerCase(), row[index] ?? ""]),
      ),
    )
    .join("\n\n");
}

/** Renders one thing as `key: value` lines. */
export function renderFields(
  output: Output,
  fields: readonly (readonly [string, string])[],
): string {
  const width = Math.max(...fields.map(([key]) => key.length)) + 1;
  return fields
    .map(
      ([key, value]) => `${output.paint("bold", `${key}:`.padEnd(width))} ${escapeControls(value)}`,
    )
    .join("\n");
}
