import * as v from "valibot";
import { isSha256, type Sha256 } from "./sha256.ts";

/** A SHA-256 in a document. */
export const sha256Schema: v.GenericSchema<Sha256> = v.custom<Sha256>(
  (value) => typeof value === "string" && isSha256(value),
);
