/** JSON documents that are changed where it hurts: other types, odd keys, keys twice, too deep, too long. */
import * as fc from "fast-check";
import { bytesOf } from "./target.ts";

/** A document with all that `JSON.parse` throws away: the order, keys that stand twice, how numbers are written. */
type Node =
  | { readonly kind: "raw"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly Node[] }
  | { readonly kind: "object"; readonly members: readonly Member[] };
type Member = readonly [key: string, value: Node];
type Change = (node: Node) => Node;

const raw = (text: string): Node => ({ kind: "raw", text });

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return { kind: "list", items: value.map(nodeOf) };
  if (typeof value === "object" && value !== null) {
    const members = Object.entries(value).map(([key, each]): Member => [key, nodeOf(each)]);
    return { kind: "object", members };
  }
  return raw(JSON.stringify(value));
}

function textOfNode(node: Node, space: string): string {
  switch (node.kind) {
    case "raw":
      return node.text;
    case "list":
      return `[${space}${node.items.map((item) => textOfNode(item, space)).join(`,${space}`)}${space}]`;
    case "object": {
      const members = node.members.map(
        ([key, value]) => `${JSON.stringify(key)}:${space}${textOfNode(value, space)}`,
      );
      return `{${space}${members.join(`,${space}`)}${space}}`;
    }
  }
}

/** How many nodes there are, itself too. */
function sizeOf(node: Node): number {
  const children =
    node.kind === "list"
      ? node.items
      : node.kind === "object"
        ? node.members.map(([, value]) => value)
        : [];
  return children.reduce((sum, child) => sum + sizeOf(child), 1);
}

/** The document with its node number `index` changed; nodes are counted from the top, depth first. */
function changedAt(node: Node, index: number, change: Change): Node {
  if (index === 0) return change(node);
  let left = index - 1;
  const child = (each: Node): Node => {
    const size = sizeOf(each);
    const isIn = left >= 0 && left < size;
    const result = isIn ? changedAt(each, left, change) : each;
    left -= size;
    return result;
  };
  if (node.kind === "list") return { kind: "list", items: node.items.map(child) };
  if (node.kind === "object") {
    return { kind: "object", members: node.members.map(([key, value]) => [key, child(value)]) };
  }
  return node;
}

const oddKeys = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "",
  "a.b",
  "0",
  "é",
  "\u0000",
];
const oddTexts = [
  "null",
  "true",
  "-1",
  "0",
  "1",
  "1.5",
  "1.0",
  "1e3",
  "-0",
  "9007199254740991",
  "9007199254740993",
  "1e400",
  '""',
  '"0"',
  '"\\u0000"',
  '"\\ud800"',
  '"\\u202e"',
  '"../../x"',
  '"__proto__"',
  '"2026-02-30T25:00:00Z"',
  '"https://a.invalid/../x"',
  "{}",
  "[]",
  "[[]]",
  '{"__proto__":{}}',
];

function nested(node: Node, depth: number, isObject: boolean): Node {
  let result = node;
  for (let index = 0; index < depth; index++) {
    result = isObject
      ? { kind: "object", members: [["a", result]] }
      : { kind: "list", items: [result] };
  }
  return result;
}

const repeated = (node: Node, count: number): Node[] => Array.from({ length: count }, () => node);

/** @param maxCount how often something is repeated at most */
function changeOf(keys: readonly string[], maxCount: number): fc.Arbitrary<Change> {
  const key = fc.oneof(fc.constantFrom(...keys, ...oddKeys), fc.string({ maxLength: 8 }));
  const value = fc.oneof(
    fc.constantFrom(...oddTexts).map(raw),
    fc
      .uint8Array({ maxLength: 20 })
      .map((codes) => raw(JSON.stringify(String.fromCharCode(...codes)))),
    fc.double({ noNaN: true }).map((number) => raw(JSON.stringify(number))),
  );
  const count = fc.oneof({ weight: 5, arbitrary: fc.nat(20) }, fc.nat(maxCount));
  const put = value.map(
    (node): Change =>
      () =>
        node,
  );
  const long = count.map(
    (length): Change =>
      (node) =>
        node.kind === "raw" && node.text.startsWith('"')
          ? raw(`"${"x".repeat(length)}${node.text.slice(1)}`)
          : node,
  );
  const wrap = fc
    .tuple(fc.oneof({ weight: 5, arbitrary: fc.nat(5) }, fc.nat(2000)), fc.boolean())
    .map(
      ([depth, isObject]): Change =>
        (node) =>
          nested(node, depth, isObject),
    );
  const many = fc.tuple(count, fc.nat(100)).map(([times, at]): Change => (node) => {
    const item = node.kind === "list" ? node.items[at % Math.max(1, node.items.length)] : undefined;
    if (node.kind !== "list" || item === undefined) return node;
    return { kind: "list", items: [...node.items, ...repeated(item, times)] };
  });
  const drop = fc.nat(100).map((at): Change => (node) => {
    if (node.kind === "list") return { kind: "list", items: without(node.items, at) };
    if (node.kind === "object") return { kind: "object", members: without(node.members, at) };
    return node;
  });
  const add = fc.tuple(key, value, fc.nat(100)).map(([name, node, at]): Change => (before) => {
    if (before.kind !== "object") return before;
    const where = at % (before.members.length + 1);
    return { kind: "object", members: before.members.toSpliced(where, 0, [name, node]) };
  });
  const twice = fc.nat(100).map((at): Change => (node) => {
    const member =
      node.kind === "object" ? node.members[at % Math.max(1, node.members.length)] : undefined;
    if (node.kind !== "object" || member === undefined) return node;
    return { kind: "object", members: [...node.members, member] };
  });
  return fc.oneof(put, put, drop, add, add, twice, many, long, wrap);
}

function without<Item>(items: readonly Item[], at: number): readonly Item[] {
  return items.toSpliced(at % Math.max(1, items.length), 1);
}

function keysOf(node: Node): readonly string[] {
  if (node.kind === "list") return node.items.flatMap(keysOf);
  if (node.kind === "raw") return [];
  return node.members.flatMap(([key, value]) => [key, ...keysOf(value)]);
}

/** @param texts sound documents */
export function jsonDocuments(
  texts: readonly string[],
  maxCount: number = 30_000,
): fc.Arbitrary<Uint8Array> {
  const documents = texts.map((text) => nodeOf(JSON.parse(text)));
  const keys = [...new Set(documents.flatMap(keysOf))];
  const change = fc.tuple(fc.nat(1_000_000), changeOf(keys, maxCount));
  return fc
    .tuple(
      fc.constantFrom(...documents),
      fc.array(change, { maxLength: 3 }),
      fc.constantFrom("", " ", "\n\t"),
    )
    .map(([document, changes, space]) => {
      const changed = changes.reduce(
        (node, [at, each]) => changedAt(node, at % sizeOf(node), each),
        document,
      );
      return bytesOf(textOfNode(changed, space));
    });
}
