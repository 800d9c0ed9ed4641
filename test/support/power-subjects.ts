/** Commands whose file system loses its power, and what must be there afterwards. Root only. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { documentOf, requireExit, valueAt } from "./answers.ts";
import { KernelSandbox, manyFilesOf } from "./kernel-state.ts";
import { LoopDevice } from "./loop-device.ts";
import { syncAll } from "./power-cut.ts";
import type { Sandbox } from "./sandbox.ts";
import {
  outcomeOf,
  prepareStore,
  problemsOfRetry,
  type StoreOperation,
  storeOperations,
} from "./store-operations.ts";
import { catalogText, type RootOfTrust, UpdateWorld } from "./update-world.ts";

export const fileSystems = ["ext4", "xfs"] as const;
export type FileSystem = (typeof fileSystems)[number];

/** A command on a file system of its own. */
export interface PowerSubject extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly args: readonly string[];
  /** Where the file system is mounted. */
  readonly folder: string;
  /** Brings the state folder to where the command starts from, for good. */
  putBack(): void;
  /** `old`, `new`, or what is there instead. */
  outcome(): Promise<string>;
  /** Runs the command again, which heals, and tells what is wrong. */
  problemsLater(): Promise<readonly string[]>;
}

/** How to start each of the commands. */
export interface PowerFamily {
  readonly name: string;
  readonly start: (fileSystem: FileSystem, trust: RootOfTrust) => Promise<PowerSubject>;
}

const cutOperations: readonly string[] = [
  "a first pull",
  "a pull that upgrades",
  "an import that replaces an import",
  "kernel rm",
  "kernel gc",
  "kernel rollback",
  "image register --pin",
];

/** Every command that makes a change which must be durable. */
export const powerFamilies: readonly PowerFamily[] = [
  ...storeOperations
    .filter(({ name }) => cutOperations.includes(name))
    .map((operation) => ({
      name: operation.name,
      start: (fileSystem: FileSystem) => StoreSubject.start(fileSystem, operation),
    })),
  ...storeOperations
    .filter(({ name }) => name === "a pull that upgrades")
    .map((operation) => ({
      name: `${operation.name}, many files`,
      start: (fileSystem: FileSystem) => StoreSubject.start(fileSystem, operation, true),
    })),
  {
    name: "catalog update",
    start: (fileSystem, trust) => CatalogSubject.start(fileSystem, trust),
  },
];

class StoreSubject implements PowerSubject {
  readonly sandbox: KernelSandbox;
  readonly args: readonly string[];
  readonly #device: LoopDevice;
  readonly #operation: StoreOperation;
  readonly #putBack: () => void;

  private constructor(
    device: LoopDevice,
    sandbox: KernelSandbox,
    operation: StoreOperation,
    putBack: () => void,
  ) {
    this.#device = device;
    this.sandbox = sandbox;
    this.args = operation.args;
    this.#operation = operation;
    this.#putBack = putBack;
  }

  static async start(
    fileSystem: FileSystem,
    operation: StoreOperation,
    hasManyFiles = false,
  ): Promise<StoreSubject> {
    const device = LoopDevice.create(fileSystem);
    const state = join(device.folder, "state");
    const sandbox = new KernelSandbox({
      state,
      ...(hasManyFiles ? { filesOf: manyFilesOf } : {}),
    });
    return new StoreSubject(device, sandbox, operation, await prepareStore(sandbox, operation));
  }

  get folder(): string {
    return this.#device.folder;
  }

  putBack(): void {
    this.#putBack();
    syncAll(this.folder);
  }

  outcome(): Promise<string> {
    return Promise.resolve(outcomeOf(this.sandbox, this.#operation));
  }

  problemsLater(): Promise<readonly string[]> {
    return problemsOfRetry(this.sandbox, this.#operation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.sandbox.dispose();
    this.#device.dispose();
  }
}

/** Of the catalogs: the one that counts before the update, and the one that it brings. */
const [oldSerial, newSerial] = [1000, 1001] as const;

class CatalogSubject implements PowerSubject {
  readonly args: readonly string[] = ["catalog", "update"];
  readonly #device: LoopDevice;
  readonly #world: UpdateWorld;
  readonly #putBack: () => void;

  private constructor(device: LoopDevice, world: UpdateWorld, putBack: () => void) {
    this.#device = device;
    this.#world = world;
    this.#putBack = putBack;
  }

  static async start(fileSystem: FileSystem, trust: RootOfTrust): Promise<CatalogSubject> {
    const device = LoopDevice.create(fileSystem);
    const world = await UpdateWorld.start(trust, { state: join(device.folder, "state") });
    requireExit(await world.update());
    const putBack = world.sandbox.keepState();
    world.repository.publish(catalogText(newSerial));
    return new CatalogSubject(device, world, putBack);
  }

  get folder(): string {
    return this.#device.folder;
  }

  get sandbox(): Sandbox {
    return this.#world.sandbox;
  }

  putBack(): void {
    this.#putBack();
    syncAll(this.folder);
  }

  async outcome(): Promise<string> {
    const status = await this.#world.status();
    const serial = valueAt(status, "serial");
    if (valueAt(status, "problem") !== null) return String(valueAt(status, "problem"));
    if (serial === newSerial) return "new";
    return serial === oldSerial ? "old" : `catalog ${String(serial)} counts`;
  }

  async problemsLater(): Promise<readonly string[]> {
    const again = await this.#world.update();
    if (again.exitCode !== 0)
      return [`the same again exits with ${again.exitCode}: ${again.stdout}`];
    const problems: string[] = [];
    if (valueAt(documentOf(again), "serial") !== newSerial)
      problems.push("the newest is not there");
    const files = readdirSync(join(this.sandbox.state, "catalogs"), { recursive: true });
    if (files.join() !== "banger.json") problems.push(`the same again leaves ${files.join(", ")}`);
    const temporary = readdirSync(join(this.sandbox.folder, "tmp"));
    if (temporary.length > 0) problems.push(`temporary files stay: ${temporary.join(", ")}`);
    return problems;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#world[Symbol.asyncDispose]();
    this.#device.dispose();
  }
}
