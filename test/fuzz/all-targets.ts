import type { FuzzTarget } from "./target.ts";
import { answerTargets } from "./targets/answers.ts";
import { documentTargets } from "./targets/documents.ts";
import { guestTargets } from "./targets/guests.ts";
import { jsonTargets } from "./targets/json.ts";
import { kernelFileTargets } from "./targets/kernel-files.ts";
import { kernelSearchTargets } from "./targets/kernel-search.ts";
import { kernelTargets } from "./targets/kernels.ts";
import { networkTargets } from "./targets/network.ts";
import { signatureTargets } from "./targets/signatures.ts";
import { tarTargets } from "./targets/tar.ts";
import { textTargets } from "./targets/texts.ts";
import { trustTargets } from "./targets/trust.ts";
import { zstdTargets } from "./targets/zstd.ts";

/** Documents and texts. */
export const documentParsers: readonly FuzzTarget[] = [
  ...jsonTargets,
  ...documentTargets,
  ...textTargets,
  ...answerTargets,
  ...guestTargets,
];

/** Archives, images, signatures, and what is asked over a connection. */
export const byteParsers: readonly FuzzTarget[] = [
  ...tarTargets,
  ...zstdTargets,
  ...kernelTargets,
  ...kernelSearchTargets,
  ...kernelFileTargets,
  ...signatureTargets,
  ...networkTargets,
  ...trustTargets,
];

/** Every parser of foreign bytes. */
export const allTargets: readonly FuzzTarget[] = [...documentParsers, ...byteParsers];

/** @throws when there is none of this name, with the names that there are */
export function targetNamed(name: string): FuzzTarget {
  const found = allTargets.find((target) => target.name === name);
  if (found !== undefined) return found;
  const names = allTargets.map((target) => target.name).join(", ");
  throw new Error(`there is no target ${name}; there are ${names}`);
}
