import { BangerError } from "../core/errors.ts";
import type { Context } from "./context.ts";

/** What became of one file that was to be pushed. */
export interface PushedObject {
  readonly key: string;
  readonly kind: "tarball" | "sidecar" | "source" | "sums" | "metadata";
  /** The first entry that needs it, `NAME:ARCH`; undefined when it is of the whole catalog. */
  readonly entry?: string | undefined;
  /** `held-back`: something before it has failed. */
  readonly result:
    | "present"
    | "uploaded"
    | "replaced"
    | "would-upload"
    | "would-compare"
    | "would-replace"
    | "held-back"
    | "failed";
  readonly failure?: BangerError | undefined;
}

/** Which file it is. */
export type PushedFile = Pick<PushedObject, "key" | "kind" | "entry">;

/** Keeps what became of each file, in order. */
export class PushRecord {
  readonly results: PushedObject[] = [];
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Whether something has failed. */
  get hasFailed(): boolean {
    return this.results.some(({ result }) => result === "failed");
  }

  /** Does the work for one file. A failure is kept in its place; only the user's wish to stop is thrown. */
  async add(what: PushedFile, work: () => Promise<PushedObject["result"]>): Promise<void> {
    try {
      this.results.push({ ...what, result: await work() });
    } catch (error) {
      if (!(error instanceof BangerError) || this.#context.signal.aborted) throw error;
      this.results.push({ ...what, result: "failed", failure: error });
    }
  }

  /** The same for files of which each needs those before it: after a failure they are held back. */
  async addInOrder(what: PushedFile, work: () => Promise<PushedObject["result"]>): Promise<void> {
    await this.add(what, this.hasFailed ? () => Promise.resolve("held-back") : work);
  }
}
