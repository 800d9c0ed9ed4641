/** A server that misbehaves at random: which request is answered how is told by the seed, its path and its turn. */
import {
  type Behaviour,
  chunked,
  corruptBit,
  falselyGzipped,
  gzipped,
  hangUp,
  HttpServer,
  ignoreRange,
  oneByteLess,
  oneByteMore,
  raw,
  redirect,
  type RecordedRequest,
  reset,
  serve,
  silence,
  stallAfter,
  status,
  trickle,
  truncateAfter,
  wrongContentRange,
} from "../support/http-server.ts";
import { Random } from "./random.ts";

type Fault = (bytes: Uint8Array, random: Random, request: RecordedRequest) => Behaviour;

const somewhere = (bytes: Uint8Array, random: Random): number => random.between(0, bytes.length);
const tooBusy = (code: number): Fault => {
  return (_bytes, random) => status(code, { "Retry-After": String(random.between(0, 2)) });
};

const faults: Readonly<Record<string, Fault>> = {
  cut: (bytes, random) => truncateAfter(somewhere(bytes, random), bytes),
  stall: (bytes, random) => stallAfter(somewhere(bytes, random), bytes),
  reset: () => reset(),
  "reset within": (bytes, random) => reset(somewhere(bytes, random), bytes),
  silence: () => silence(),
  "hang up": () => hangUp(),
  "wrong bit": (bytes, random) => corruptBit(bytes, somewhere(bytes, random)),
  "byte more": (bytes) => oneByteMore(bytes),
  "byte less": (bytes) => oneByteLess(bytes),
  "403": () => status(403),
  "404": () => status(404),
  "429": tooBusy(429),
  "500": () => status(500),
  "503": tooBusy(503),
  redirect: (_bytes, _random, { path }) => redirect(`${path.replace(/\?.*/, "")}?moved`),
  "range ignored": (bytes) => ignoreRange(bytes),
  "wrong content-range": (bytes) => wrongContentRange(bytes),
  "new etag": (bytes, random) => serve(bytes, { etag: `"turn-${random.between(0, 1e9)}"` }),
  gzip: (bytes) => gzipped(bytes),
  "false gzip": (bytes) => falselyGzipped(bytes),
  chunked: (bytes) => chunked(bytes),
  slow: (bytes) => serve(bytes, { pace: { bytes: 32_768, everyMs: 20 } }),
  trickle: (bytes) => trickle(bytes, 16),
  "no http": () => raw("SSH-2.0-OpenSSH_9.2\r\n"),
};

const kinds: readonly string[] = Object.keys(faults);

/** How an answer is chosen: `right`, or one of the faults. */
export function faultFor(seed: string, path: string, turn: number): string {
  const random = new Random(seed, "server", path, turn);
  return random.chance(0.55) ? "right" : random.pick(kinds);
}

/** Serves files of its memory over loopback. */
export class UnrulyServer implements AsyncDisposable {
  /** While false, every answer is right. */
  isUnruly: boolean = false;
  /** How often it answered in which way. */
  readonly answers: Map<string, number> = new Map();
  readonly #server: HttpServer;
  readonly #seed: string;
  readonly #files = new Map<string, Uint8Array>();
  readonly #turns = new Map<string, number>();

  private constructor(server: HttpServer, seed: string) {
    this.#server = server;
    this.#seed = seed;
  }

  static async start(seed: string): Promise<UnrulyServer> {
    return new UnrulyServer(await HttpServer.start(), seed);
  }

  get url(): string {
    return this.#server.url;
  }

  /** @param path with a slash before it. */
  put(path: string, bytes: Uint8Array): void {
    const isNew = !this.#files.has(path);
    this.#files.set(path, bytes);
    if (isNew) this.#server.on(path, (request) => this.#answer(path, request));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server.stop();
  }

  #answer(path: string, request: RecordedRequest): ReturnType<Behaviour> {
    const bytes = this.#files.get(path) ?? new Uint8Array();
    // What was said long ago is of no use to anybody, and there is a lot of it.
    this.#server.requests.length = 0;
    if (!this.isUnruly) return serve(bytes)(request);
    const turn = (this.#turns.get(path) ?? 0) + 1;
    this.#turns.set(path, turn);
    const kind = faultFor(this.#seed, path, turn);
    this.answers.set(kind, (this.answers.get(kind) ?? 0) + 1);
    const fault = faults[kind];
    if (fault === undefined) return serve(bytes)(request);
    return fault(bytes, new Random(this.#seed, "fault", path, turn), request)(request);
  }
}
