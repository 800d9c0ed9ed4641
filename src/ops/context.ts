import type { Guests } from "../boot/guest-files.ts";
import type { Vmm } from "../boot/machine.ts";
import type { Catalog } from "../core/catalog.ts";
import { BangerError } from "../core/errors.ts";
import type { CatalogName, KernelName } from "../core/kernel-name.ts";
import type { Environment } from "../io/environment.ts";
import { holderLabel } from "../io/lock.ts";
import { KernelStore } from "../store/kernel-store.ts";
import type { CatalogStanding, Embedded } from "./catalog-standing.ts";
import { needsSweep, Transaction } from "../store/transaction.ts";
import type { Access } from "../store/state-folder.ts";

/** What an operation does next, or could not do; the command line puts it into words. */
export type Progress =
  | { readonly kind: "waiting"; readonly name: string; readonly holder: string }
  | {
      readonly kind: "download";
      readonly name: string;
      readonly source: string;
      readonly totalBytes: number;
      readonly resumedBytes: number;
    }
  | {
      readonly kind: "stage";
      readonly name: string;
      readonly stage: "verify" | "unpack" | "install";
    }
  | {
      readonly kind: "bytes";
      readonly name: string;
      readonly stage: "download" | "unpack" | "verify";
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
  | {
      readonly kind: "retry";
      readonly name: string;
      readonly failure: BangerError;
      readonly delayMs: number;
    }
  | {
      readonly kind: "source-failed";
      /** The kernel, or `catalog`. */
      readonly name: string;
      readonly source: string;
      readonly failure: BangerError;
    }
  | {
      readonly kind: "publish";
      /** The kernel, or the key of a file. */
      readonly name: string;
      readonly step: "pack" | "upload" | "present" | "torso" | "check" | "delete";
      /** Folder, object or URL. */
      readonly where: string;
    }
  /** What an update brought is of no use, and the catalog that came with banger counts. */
  | { readonly kind: "catalog-fault"; readonly failure: BangerError }
  | { readonly kind: "damaged"; readonly name: KernelName }
  /** Something long begins, in words. */
  | { readonly kind: "step"; readonly name: string; readonly text: string }
  /** What a program that runs for long has just said. */
  | { readonly kind: "line"; readonly name: string; readonly text: string }
  /** A configuration beside a kernel is not of that kernel. */
  | {
      readonly kind: "foreign-config";
      readonly file: string;
      /** As it says; undefined when it does not. */
      readonly version: string | undefined;
    }
  /** A virtual machine starts. */
  | { readonly kind: "boot"; readonly name: string; readonly vmm: Vmm }
  /** KVM is there, and the kernel says nothing under it. */
  | { readonly kind: "kvm-passed-over"; readonly name: string; readonly vmm: Vmm }
  | { readonly kind: "left-out"; readonly name: KernelName; readonly paths: readonly string[] };

/** A catalog that was added. @see docs/formats/store.md */
export interface CatalogScope {
  readonly name: CatalogName;
  /** The folder or URL of its repository; undefined when it was removed and its kernels are still here. */
  readonly place: string | undefined;
}

/** All that an operation may use of the world around it. */
export interface Context {
  readonly environment: Environment;
  /** The catalog that is looked into; undefined for banger's own. */
  readonly scope: CatalogScope | undefined;
  /** What is trusted and known without an update: compiled in, or told when the catalog was added. */
  readonly embedded: Embedded;
  /** The catalog that counts; read on first use. @throws {BangerError} `bad-catalog`, `io` */
  readonly catalog: () => Promise<Catalog>;
  /** The same with where it came from; read once for both. @throws {BangerError} `bad-catalog`, `io` */
  readonly standing: () => Promise<CatalogStanding>;
  /** Aborted with a {@link BangerError} when the user wants to stop. */
  readonly signal: AbortSignal;
  readonly report: (progress: Progress) => void;
  /** What kernels are booted with. */
  readonly guests: Guests;
  /** How banger introduces itself to servers. */
  readonly userAgent: string;
}

/**
 * Opens the kernels folder of the context's catalog, and sweeps up what a killed process left there.
 *
 * @throws {BangerError} `bad-state`, `io`.
 */
export async function openStore(context: Context, access: Access): Promise<KernelStore> {
  const store = KernelStore.open(context.environment, access, context.scope?.name);
  if (needsSweep(store, context.environment.uid)) {
    try {
      const holder = holderLabel("clearing up");
      await Transaction.run(
        store,
        { holder, wait: false, signal: context.signal },
        () => undefined,
      );
    } catch (error) {
      // Whoever has the lock has swept.
      if (!(error instanceof BangerError) || error.code !== "busy") throw error;
    }
  }
  return store;
}

/** Runs `work` under the lock of the store. @throws {BangerError} `io`, and what `work` throws */
export function change<Result>(
  context: Context,
  store: KernelStore,
  doing: string,
  work: (transaction: Transaction) => Result,
): Promise<Result> {
  return Transaction.run(
    store,
    { holder: holderLabel(doing), wait: true, signal: context.signal },
    work,
  );
}
