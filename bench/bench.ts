/** What all rows share: the programs, the server, the folders, and how often each is run. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { Nginx } from "../test/support/nginx.ts";
import { benchFolder, type Corpus, servedFolder } from "./corpora.ts";
import type { Command, Duel, Sample } from "./measure.ts";

const repository = resolve(import.meta.dirname, "..");

/** A number, what it may be at most, and what it is made of. */
export interface Figure {
  readonly what: string;
  readonly rival: string;
  /** As `unit` says: how many times the rival's, or bytes, or a count. */
  readonly value: number;
  readonly atMost: number;
  readonly unit: "×" | "MB" | "downloads";
  /** What bounds it, or what it is on this machine. */
  readonly note?: string;
  readonly samples: Duel | readonly Sample[] | undefined;
}

/** Runs some benchmarks of one subject. */
export type Row = (bench: Bench) => Promise<readonly Figure[]> | readonly Figure[];

/** Which file system things are unpacked on. */
export type Place = "disk" | "tmpfs";

export class Bench implements AsyncDisposable {
  readonly banger: string = join(repository, "build/banger");
  /** A compiled `console.log`: what the runtime alone costs. */
  readonly hello: string = join(benchFolder, "hello");
  readonly runs: number;
  readonly nginx: Nginx;
  readonly #folders: Readonly<Record<Place, string>>;

  private constructor(nginx: Nginx, runs: number) {
    this.nginx = nginx;
    this.runs = runs;
    this.#folders = {
      disk: mkdtempSync(join(benchFolder, "scratch-")),
      tmpfs: mkdtempSync("/dev/shm/banger-bench-"),
    };
  }

  static async start(runs: number): Promise<Bench> {
    const bench = new Bench(await Nginx.start({ root: servedFolder }), runs);
    compileHello(bench.hello);
    return bench;
  }

  /** A folder on that file system, removed at the end. */
  folder(place: Place, name: string): string {
    return join(this.#folders[place], name);
  }

  /** A run of banger with a state folder of its own. */
  run(state: string, corpus: Corpus | undefined, ...args: readonly string[]): Command {
    return {
      args: [this.banger, ...args],
      env: {
        HOME: "/nonexistent",
        BANGER_STATE_DIR: state,
        BANGER_MIRRORS: this.nginx.url,
        ...(corpus === undefined ? {} : { BANGER_CATALOG: corpus.catalog }),
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.nginx.stop();
    for (const folder of Object.values(this.#folders)) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

function compileHello(file: string): void {
  const source = join(repository, "bench/hello.ts");
  const flags = ["--compile", "--minify", "--bytecode", "--format=esm", "--sourcemap=none"];
  const quiet = ["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig"];
  execFileSync(process.execPath, ["build", ...flags, ...quiet, source, "--outfile", file], {
    stdio: ["ignore", "ignore", "inherit"],
  });
}

export function sizeOf(file: string): number {
  return statSync(file).size;
}
