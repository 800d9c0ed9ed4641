/** What the answers of commands say of an image: which kernel it has. */
import * as v from "valibot";
import type { Operation } from "./history.ts";
import { images } from "./plan.ts";
import { describeRun, mayHaveActed, outcomeOf, printed, type Run } from "./run.ts";
import { kernels, type Slot } from "./stock.ts";

/** The state of an image that is not there; else it is an {@link imageLabel}. */
export const noImage = "-";

export function imageLabel(slot: Slot, pinned: boolean): string {
  return pinned ? `${slot} pinned` : slot;
}

export interface ImageOperation extends Operation {
  readonly image: string;
}

const record = v.object({
  name: v.string(),
  kernel: v.object({ name: v.string(), arch: v.string(), pinned: v.boolean() }),
});
const registerDocument = v.object({ outcome: v.string() });
const listDocument = v.object({ images: v.array(record) });

/** What a record says, as an {@link imageLabel}; undefined when it is none. */
export function labelOfRecord(document: unknown): string | undefined {
  if (!v.is(record, document)) return undefined;
  const { name, arch, pinned } = document.kernel;
  const slot = kernels.find((one) => one.name === name && one.arch === arch)?.slot;
  return imageLabel(slot ?? `${name}:${arch}`, pinned);
}

export function imageOperations(run: Run): readonly ImageOperation[] {
  const { verb, image = "", slot = "", pinned = false } = run.action;
  const document = printed(run);
  const outcome = outcomeOf(run);
  const label = imageLabel(slot, pinned);
  const { startMs, endMs } = run;
  const base = { image, label: describeRun(run), startMs, endMs };
  const reads = (name: string, isSo: (state: string) => boolean): ImageOperation => ({
    ...base,
    image: name,
    kind: "reading",
    outcomes: (state) => (isSo(state) ? [state] : []),
  });
  const changes = (outcomes: Operation["outcomes"]): ImageOperation[] => [
    { ...base, kind: "change", outcomes },
  ];
  const mayChangeTo = (state: string): ImageOperation[] => [
    { ...base, kind: "perhaps", outcomes: () => [state] },
  ];
  switch (verb) {
    case "image register":
      if (mayHaveActed(run)) return mayChangeTo(label);
      if (outcome === "refused") return [reads(image, (state) => state !== noImage)];
      if (outcome !== "done" || !v.is(registerDocument, document)) return [];
      if (document.outcome === "current") return [reads(image, (state) => state === label)];
      return changes((state) => {
        const wasThere = document.outcome === "replaced";
        return (state !== noImage) === wasThere ? [label] : [];
      });
    case "image rm":
      if (mayHaveActed(run)) return mayChangeTo(noImage);
      if (outcome === "not-found") return [reads(image, (state) => state === noImage)];
      if (outcome !== "done") return [];
      return changes((state) => (state === noImage ? [] : [noImage]));
    case "image list":
      if (outcome !== "done" || !v.is(listDocument, document)) return [];
      return images.map((name) => {
        const found = document.images.find((one) => one.name === name);
        return reads(name, (state) => state === (labelOfRecord(found) ?? noImage));
      });
    default:
      return [];
  }
}
