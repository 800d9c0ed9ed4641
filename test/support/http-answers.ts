/** What a scripted server says: behaviours that turn a request into an answer. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";

/** A request, as received. Header names are lower case. */
export interface RecordedRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since the server started. */
  readonly atMs: number;
  /** Which connection it came by, from 1. */
  readonly connection: number;
}

/** One HTTP message, sent as told, right or wrong. */
export interface MessageAnswer {
  readonly kind: "message";
  readonly status: number;
  /** Without the framing headers. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** How the end of the body is told. */
  readonly framing: "length" | "chunked" | "close";
  /** Content-Length; default: that of the body. */
  readonly declaredLength?: number | undefined;
  /** After so many bytes of this answer's body, stop. `close` sends no last chunk. */
  readonly stop?:
    | { readonly afterBytes: number; readonly how: "close" | "reset" | "stall" }
    | undefined;
  /** Sends slowly. */
  readonly pace?: { readonly bytes: number; readonly everyMs: number } | undefined;
}

/** `silence`: nothing is ever sent. `reset`: RST. `close`: FIN. `raw`: these bytes, then FIN. */
export type Answer =
  | MessageAnswer
  | { readonly kind: "silence" }
  | { readonly kind: "reset" }
  | { readonly kind: "close" }
  | { readonly kind: "raw"; readonly bytes: Uint8Array };

/** Decides an answer. It may wait, for example for a promise of the test. */
export type Behaviour = (request: RecordedRequest) => Answer | Promise<Answer>;

export interface ServeOptions {
  /** With its quotes; `false`: none. Default: made of the bytes. */
  readonly etag?: string | false;
  /** Default `honoured`. */
  readonly ranges?: "honoured" | "ignored";
  /** What a 206 claims instead of the truth; `undefined`: nothing. */
  readonly contentRange?: (startByte: number, endByte: number, size: number) => string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly framing?: MessageAnswer["framing"];
  readonly declaredLength?: number;
  readonly stop?: MessageAnswer["stop"];
  readonly pace?: MessageAnswer["pace"];
}

/**
 * Serves bytes as a good server does, unless an option says otherwise: one Range, If-Range by strong
 * comparison, 416 past the end.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14
 */
export function serve(bytes: Uint8Array, options: ServeOptions = {}): Behaviour {
  return (request) => {
    const etag = options.etag ?? etagOf(bytes);
    const headers: Record<string, string> = {
      "Content-Type": "application/octet-stream",
      "Accept-Ranges": "bytes",
      ...(etag === false ? {} : { ETag: etag }),
      ...options.headers,
    };
    const { framing = "length", declaredLength, stop, pace } = options;
    const plan = { kind: "message", framing, declaredLength, stop, pace } as const;
    const range =
      options.ranges === "ignored" ? undefined : wantedRange(request, etag, bytes.length);
    if (range === undefined) {
      return { ...plan, status: 200, headers, body: bytes };
    }
    if (range === "unsatisfiable") {
      headers["Content-Range"] = `bytes */${bytes.length}`;
      return { ...plan, status: 416, headers, body: new Uint8Array() };
    }
    const { start, end } = range;
    const contentRange =
      options.contentRange === undefined
        ? `bytes ${start}-${end}/${bytes.length}`
        : options.contentRange(start, end, bytes.length);
    if (contentRange !== undefined) {
      headers["Content-Range"] = contentRange;
    }
    return { ...plan, status: 206, headers, body: bytes.subarray(start, end + 1) };
  };
}

function wantedRange(
  request: RecordedRequest,
  etag: string | false,
  size: number,
): { start: number; end: number } | "unsatisfiable" | undefined {
  const match = /^bytes=(\d*)-(\d*)$/.exec(request.headers["range"] ?? "");
  const ifRange = request.headers["if-range"];
  if (match === null || request.method !== "GET") {
    return undefined;
  }
  if (ifRange !== undefined && (ifRange !== etag || ifRange.startsWith("W/"))) {
    return undefined;
  }
  const [, first = "", last = ""] = match;
  if (first === "") {
    if (last === "") {
      return undefined;
    }
    const count = Math.min(Number(last), size);
    return count === 0 ? "unsatisfiable" : { start: size - count, end: size - 1 };
  }
  const start = Number(first);
  if (start >= size) {
    return "unsatisfiable";
  }
  const end = last === "" ? size - 1 : Math.min(Number(last), size - 1);
  return end < start ? undefined : { start, end };
}

/** The ETag that {@link serve} makes. */
export function etagOf(bytes: Uint8Array): string {
  return `"${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}"`;
}

/** The first `count` bytes of the answer under the full Content-Length (or another framing), then FIN. */
export function truncateAfter(
  count: number,
  bytes: Uint8Array,
  options: ServeOptions = {},
): Behaviour {
  return serve(bytes, { ...options, stop: { afterBytes: count, how: "close" } });
}

/** The first `count` bytes, then nothing; the connection stays open. */
export function stallAfter(
  count: number,
  bytes: Uint8Array,
  options: ServeOptions = {},
): Behaviour {
  return serve(bytes, { ...options, stop: { afterBytes: count, how: "stall" } });
}

/** The first `count` bytes, then RST. Without arguments: RST before any header. */
export function reset(count?: number, bytes?: Uint8Array): Behaviour {
  return count === undefined || bytes === undefined
    ? () => ({ kind: "reset" })
    : serve(bytes, { stop: { afterBytes: count, how: "reset" } });
}

/** Never sends a header. */
export function silence(): Behaviour {
  return () => ({ kind: "silence" });
}

/** Closes the connection without an answer. */
export function hangUp(): Behaviour {
  return () => ({ kind: "close" });
}

/** Sends these very bytes, head and all, and closes. */
export function raw(bytes: Uint8Array | string): Behaviour {
  return () => ({ kind: "raw", bytes: Buffer.from(bytes) });
}

/** So many bytes every second; default one. */
export function trickle(bytes: Uint8Array, bytesPerSecond = 1): Behaviour {
  return serve(bytes, { pace: { bytes: bytesPerSecond, everyMs: 1000 } });
}

/** The lowest bit of byte `at` is the other one; the ETag is that of the right bytes. */
export function corruptBit(bytes: Uint8Array, at: number): Behaviour {
  const wrong = new Uint8Array(bytes);
  wrong[at] = (wrong[at] ?? 0) ^ 1;
  return serve(wrong, { etag: etagOf(bytes) });
}

/** One byte more than there is, honestly declared. */
export function oneByteMore(bytes: Uint8Array): Behaviour {
  return serve(Buffer.concat([bytes, new Uint8Array(1)]));
}

/** One byte less than there is, honestly declared. */
export function oneByteLess(bytes: Uint8Array): Behaviour {
  return serve(bytes.subarray(0, -1));
}

/** Any location, also this path itself or one of another scheme. */
export function redirect(location: string, statusCode = 302): Behaviour {
  return status(statusCode, { Location: location });
}

/** A status with a small text body. */
export function status(
  code: number,
  headers: Readonly<Record<string, string>> = {},
  text = `status ${code}\n`,
): Behaviour {
  const body = new TextEncoder().encode(text);
  return () => ({ kind: "message", status: code, headers, body, framing: "length" });
}

/** Answers a Range request with the whole and 200. */
export function ignoreRange(bytes: Uint8Array): Behaviour {
  return serve(bytes, { ranges: "ignored" });
}

/** A 206 whose Content-Range starts a byte later than asked, unless told another. */
export function wrongContentRange(
  bytes: Uint8Array,
  contentRange: ServeOptions["contentRange"] = (start, end, size) =>
    `bytes ${start + 1}-${end}/${size}`,
): Behaviour {
  return serve(bytes, { contentRange });
}

/** The same bytes under a new ETag at each request. */
export function newEtagEachTime(bytes: Uint8Array): Behaviour {
  let count = 0;
  return (request) => serve(bytes, { etag: `"turn-${++count}"` })(request);
}

/** `Content-Encoding: gzip`, and the body really is. */
export function gzipped(bytes: Uint8Array): Behaviour {
  const headers = { "Content-Encoding": "gzip" };
  return serve(new Uint8Array(gzipSync(bytes)), { headers, ranges: "ignored" });
}

/** `Content-Encoding: gzip`, and the body is not. */
export function falselyGzipped(bytes: Uint8Array): Behaviour {
  return serve(bytes, { headers: { "Content-Encoding": "gzip" } });
}

/** Chunked, without a length. */
export function chunked(bytes: Uint8Array): Behaviour {
  return serve(bytes, { framing: "chunked" });
}
