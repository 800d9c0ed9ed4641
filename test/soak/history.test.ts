import { expect, test } from "bun:test";
import { explain, type Operation } from "./history.ts";

interface Times {
  readonly from: number;
  readonly to: number;
}

function write(value: string, { from, to }: Times): Operation {
  return {
    label: `write ${value}`,
    startMs: from,
    endMs: to,
    kind: "change",
    outcomes: () => [value],
  };
}

function read(value: string, { from, to }: Times): Operation {
  return {
    label: `read ${value}`,
    startMs: from,
    endMs: to,
    kind: "reading",
    outcomes: (state) => (state === value ? [state] : []),
  };
}

/** One of which nobody knows whether it was done. */
function perhaps(value: string, times: Times): Operation {
  return { ...write(value, times), kind: "perhaps" };
}

test("what overlaps may have been in either order", () => {
  const both = [write("a", { from: 0, to: 10 }), write("b", { from: 5, to: 15 })];
  expect(explain("-", both, "a").kind).toBe("explained");
  expect(explain("-", both, "b").kind).toBe("explained");
});

test("what ended before another started comes before it", () => {
  const both = [write("a", { from: 0, to: 10 }), write("b", { from: 11, to: 15 })];
  expect(explain("-", both, "b").kind).toBe("explained");
  expect(explain("-", both, "a").kind).toBe("impossible");
});

test("a reading must find what was there at some moment while it ran", () => {
  const writes = [write("a", { from: 0, to: 10 }), write("b", { from: 20, to: 30 })];
  expect(explain("-", [...writes, read("a", { from: 12, to: 25 })], "b").kind).toBe("explained");
  expect(explain("-", [...writes, read("-", { from: 5, to: 15 })], "b").kind).toBe("explained");
  expect(explain("-", [...writes, read("-", { from: 12, to: 25 })], "b").kind).toBe("impossible");
  expect(explain("-", [...writes, read("a", { from: 31, to: 40 })], "b").kind).toBe("impossible");
});

test("what was killed may have been done or not", () => {
  const killed = perhaps("b", { from: 5, to: 15 });
  const operations = [write("a", { from: 0, to: 4 }), killed];
  expect(explain("-", operations, "a").kind).toBe("explained");
  expect(explain("-", operations, "b").kind).toBe("explained");
  expect(explain("-", operations, "c").kind).toBe("impossible");
  const seenTwice = [read("b", { from: 6, to: 8 }), read("a", { from: 9, to: 10 })];
  expect(explain("-", [...operations, ...seenTwice], "b").kind).toBe("impossible");
});

test("what cannot have been is told with the longest order that can", () => {
  const verdict = explain(
    "-",
    [write("a", { from: 0, to: 1 }), read("b", { from: 2, to: 3 })],
    "a",
  );
  expect(verdict).toEqual({
    kind: "impossible",
    order: ["[0–1] write a → a"],
    rest: ["[2–3] read b"],
  });
});

test("many at once, of which each may have been done, are looked through", () => {
  const many = Array.from({ length: 40 }, (_, index) =>
    perhaps(`v${index % 4}`, { from: index, to: index + 6 }),
  );
  expect(explain("-", many, "v3").kind).toBe("explained");
  expect(explain("-", many, "-").kind).toBe("explained");
  expect(explain("-", many, "w").kind).toBe("impossible");
});

test("what has too many orders is said to be undecided, not right", () => {
  const many = Array.from({ length: 40 }, (_, index) => write(`v${index}`, { from: 0, to: 1 }));
  expect(explain("-", many, "w").kind).toBe("undecided");
});
