import { BangerError } from "./errors.ts";
import { shortened } from "./shortened.ts";

declare const brand: unique symbol;

/** The name of a kernel, `<distro>-<major.minor>` by convention: safe as a file name everywhere. */
export type KernelName = string & { readonly [brand]: "KernelName" };

/** The name of an image record; the same alphabet as kernel names. */
export type ImageName = string & { readonly [brand]: "ImageName" };

/** The name of a catalog, as references have it before a slash: lower-case letters, digits and dashes. */
export type CatalogName = string & { readonly [brand]: "CatalogName" };

const pattern = /^[a-z0-9][a-z0-9.-]{0,63}$/;

function isSafeName(text: string): boolean {
  return pattern.test(text) && !text.includes("..");
}

/** Narrows `text` to a kernel name: `^[a-z0-9][a-z0-9.-]{0,63}$`, without `..`. */
export function isKernelName(text: string): text is KernelName {
  return isSafeName(text);
}

/** Narrows `text` to an image name: the alphabet of kernel names. */
export function isImageName(text: string): text is ImageName {
  return isSafeName(text);
}

/** Narrows `text` to a catalog name: `^[a-z][a-z0-9-]{0,31}$`. */
export function isCatalogName(text: string): text is CatalogName {
  return /^[a-z][a-z0-9-]{0,31}$/.test(text);
}

const nameHint =
  "names are lower-case letters, digits, dots and dashes, at most 64, like generic-6.12";

/** @throws {BangerError} `usage`, when `text` is no kernel name. */
export function parseKernelName(text: string): KernelName {
  if (isKernelName(text)) return text;
  throw new BangerError("usage", `${JSON.stringify(shortened(text))} is not a kernel name`, {
    hint: nameHint,
  });
}

/** @throws {BangerError} `usage`, when `text` is no image name. */
export function parseImageName(text: string): ImageName {
  if (isImageName(text)) return text;
  throw new BangerError("usage", `${JSON.stringify(shortened(text))} is not an image name`, {
    hint: nameHint,
  });
}

/** @throws {BangerError} `usage`, when `text` is no catalog name. */
export function parseCatalogName(text: string): CatalogName {
  if (isCatalogName(text)) return text;
  throw new BangerError(
    "usage",
    `${JSON.stringify(shortened(text))} is not the name of a catalog`,
    {
      hint: "such a name begins with a lower-case letter, and goes on with letters, digits and dashes, at most 32",
    },
  );
}

/**
 * A kernel's name as a reference has it.
 *
 * @param catalog undefined for banger's own.
 * @example
 * qualifiedName("acme", "generic-6.12"); // "acme/generic-6.12"
 */
export function qualifiedName(catalog: CatalogName | undefined, name: string): string {
  return catalog === undefined ? name : `${catalog}/${name}`;
}
