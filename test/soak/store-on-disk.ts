/** A state folder as it is on disk, read without banger, while nobody works on it. */
import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import * as v from "valibot";
import { snapshotOf } from "../support/snapshot.ts";
import { labelOfRecord } from "./image-history.ts";
import { stateOf } from "./kernel-history.ts";
import { kernels, namesIn, type Slot, type Stock } from "./stock.ts";

export interface StoreOnDisk {
  /** What each kernel's name leads to, as the histories call it. */
  readonly kernels: ReadonlyMap<Slot, string>;
  /** The same of images. */
  readonly images: ReadonlyMap<string, string>;
  /** What must never be, not even after a SIGKILL. */
  readonly problems: readonly string[];
  /** What a killed or failed command may leave, until `kernel gc` and the like have cleared up. */
  readonly leftovers: readonly string[];
}

const hold = {
  kernel: v.object({ name: v.string(), arch: v.string() }),
  tree: v.optional(v.string()),
};
const pinSchema = v.object({
  image: v.string(),
  ...hold,
  replaces: v.optional(v.object({ ...hold, record_sha256: v.string() })),
});
type Pin = v.InferOutput<typeof pinSchema>;

export function readStore(state: string, stock: Stock): StoreOnDisk {
  const problems: string[] = [];
  const folder = join(state, "kernels");
  const { states, linked } = readSlots(folder, stock, problems);
  const pins = readPins(folder, problems);
  const images = readImages(state, folder, stock, pins, problems);
  const held = new Set([
    ...linked,
    ...pins.flatMap(({ tree, replaces }) => [tree ?? [], replaces?.tree ?? []].flat()),
  ]);
  const idle = namesIn(join(folder, ".store")).filter((tree) => !held.has(tree));
  const orphans = pins.filter(({ image }) => !images.has(image));
  const unsettled = pins.filter(({ replaces }) => replaces !== undefined);
  const leftovers = [
    ...Object.keys(snapshotOf(state)).filter((path) => isPassing(path)),
    ...idle.map((tree) => `kernels/.store/${tree}, which nothing leads to`),
    ...orphans.map(({ image }) => `the pin of ${image}, which is no image`),
    ...unsettled.map(({ image }) => `the pin of ${image} holds what was replaced`),
  ];
  return { kernels: states, images, problems, leftovers };
}

/** Whether a path in the state folder is of something that lasts only as long as a command. */
function isPassing(path: string): boolean {
  return (
    /^kernels\/\.(?:staging|trash|parts|locks)\/[^/]+$/.test(path) ||
    /(?:^|\/)\.(?:lock|tmp-[^/]*)$/.test(path)
  );
}

function readSlots(
  folder: string,
  stock: Stock,
  problems: string[],
): { readonly states: ReadonlyMap<Slot, string>; readonly linked: ReadonlySet<string> } {
  const linked = new Set<string>();
  const follow = (slot: Slot, link: string): { tree: string; label: string } | undefined => {
    if (lstatSync(link, { throwIfNoEntry: false }) === undefined) return undefined;
    const tree = basename(readlinkSync(link));
    const label = stock.labelOf(slot, join(folder, ".store", tree));
    linked.add(tree);
    if (label.startsWith("torn")) problems.push(`${link} leads to ${tree}: ${label}`);
    return { tree, label };
  };
  const states = new Map<Slot, string>();
  for (const { slot } of kernels) {
    const current = follow(slot, join(folder, slot));
    const previous = follow(slot, join(folder, ".previous", slot));
    const isSame = previous?.tree === current?.tree;
    states.set(slot, stateOf(current?.label, isSame ? undefined : previous?.label));
  }
  const known = kernels.map(({ slot }) => slot);
  for (const name of [...namesIn(folder), ...namesIn(join(folder, ".previous"))]) {
    if (!name.startsWith(".") && !known.includes(name)) problems.push(`there is a ${name}`);
  }
  return { states, linked };
}

function readPins(folder: string, problems: string[]): readonly Pin[] {
  const place = join(folder, ".pins");
  return namesIn(place)
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => {
      const pin = readJson(join(place, name));
      if (v.is(pinSchema, pin)) return [pin];
      problems.push(`${name} is no pin`);
      return [];
    });
}

function readImages(
  state: string,
  folder: string,
  stock: Stock,
  pins: readonly Pin[],
  problems: string[],
): ReadonlyMap<string, string> {
  const images = new Map<string, string>();
  for (const file of namesIn(join(state, "images")).filter((name) => name.endsWith(".json"))) {
    const image = basename(file, ".json");
    const record = readJson(join(state, "images", file));
    const label = labelOfRecord(record);
    images.set(image, label ?? "damaged");
    if (label === undefined) {
      problems.push(`the record of ${image} is none`);
      continue;
    }
    const pin = pins.find((one) => one.image === image);
    const { replaces } = pin ?? {};
    const isOld = replaces?.record_sha256 === sha256Of(JSON.stringify(record));
    problems.push(...pinProblems(image, label, isOld ? replaces : pin, folder, stock));
  }
  return images;
}

function pinProblems(
  image: string,
  label: string,
  pin: Pick<Pin, "kernel" | "tree"> | undefined,
  folder: string,
  stock: Stock,
): readonly string[] {
  if (pin === undefined) return [`the image ${image} has no pin: nothing keeps its kernel`];
  const slot = kernels.find(
    (one) => one.name === pin.kernel.name && one.arch === pin.kernel.arch,
  )?.slot;
  const [recorded = "", pinned] = label.split(" ");
  if (slot !== recorded) return [`the image ${image} has ${recorded}, its pin has ${slot}`];
  if (pinned === undefined) return [];
  if (pin.tree === undefined) return [`the image ${image} is pinned, its pin holds nothing`];
  const what = stock.labelOf(recorded, join(folder, ".store", pin.tree));
  return what.startsWith("torn") ? [`the image ${image} is pinned to ${pin.tree}: ${what}`] : [];
}

function sha256Of(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}
