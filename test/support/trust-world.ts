/** A maintainer with throw-away keys, a catalog and a trust folder; nothing is published. */
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect } from "bun:test";
import { documentOf, refusal, textAt } from "./answers.ts";
import { type ChildResult, Sandbox } from "./sandbox.ts";
import { type RunMaint, TrustKeys } from "./trust-keys.ts";

export class TrustWorld implements AsyncDisposable {
  readonly sandbox: Sandbox = new Sandbox();
  readonly keys: TrustKeys;
  readonly trust: string;
  readonly catalog: string;

  constructor() {
    this.keys = TrustKeys.standard(join(this.sandbox.folder, "keys"));
    this.trust = join(this.sandbox.work, "trust");
    this.catalog = join(this.sandbox.work, "catalog.json");
    cpSync(resolve(import.meta.dirname, "../../catalog/catalog.json"), this.catalog);
  }

  readonly run: RunMaint = (args, env = {}) => {
    const places = ["--trust", this.trust, "--catalog", this.catalog];
    return this.sandbox.startMaint([...args, ...places], { env }).done;
  };

  init(...words: readonly string[]): Promise<ChildResult> {
    return this.run(["trust", "init", ...words, "--json"]);
  }

  sign(name: string): Promise<ChildResult> {
    return this.run(["trust", "sign", "--key", this.keys.file(name), "--json"]);
  }

  signCatalog(name: string): Promise<ChildResult> {
    return this.run(["catalog", "sign", "--key", this.keys.file(name), "--json"]);
  }

  /** `trust renew` of a folder that is itself what is published. */
  renew(...flags: readonly string[]): Promise<ChildResult> {
    return this.run(["trust", "renew", "--local", "--json", ...flags], this.keys.online);
  }

  async status(exitCode = 0): Promise<unknown> {
    return documentOf(await this.run(["trust", "status", "--json"]), exitCode);
  }

  async keyId(name: string): Promise<string> {
    const words = ["trust", "key-id", this.keys.publicFile(name), "--json"];
    return textAt(documentOf(await this.sandbox.startMaint(words).done), "key");
  }

  /** Changes the catalog, and raises its serial. */
  changeCatalog(change: (text: string) => string = (text) => text): void {
    const text = readFileSync(this.catalog, "utf8");
    const raised = text.replace(
      /"serial": (\d+)/,
      (_all, serial) => `"serial": ${Number(serial) + 1}`,
    );
    writeFileSync(this.catalog, change(raised));
  }

  /** What lies in the trust folder. */
  files(): readonly string[] {
    return readdirSync(this.trust, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".json"))
      .sort();
  }

  /** All that lies there, with its bytes. */
  bytes(): readonly string[] {
    return this.files().map((name) => `${name}\n${readFileSync(join(this.trust, name), "utf8")}`);
  }

  /** A run that must fail with an error that begins so, and leave the folder as it is. */
  async expectRefused(result: Promise<ChildResult>, words: string): Promise<void> {
    const before = this.bytes();
    expect(refusal(await result)).toStartWith(words);
    expect(this.bytes()).toEqual(before);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.sandbox.dispose();
  }
}
