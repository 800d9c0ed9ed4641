/** What servers answer, over a real connection. */
import { strict as assert } from "node:assert";
import { createHash } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { BangerError } from "../../../src/core/errors.ts";
import { isSha256 } from "../../../src/core/sha256.ts";
import { PartFile } from "../../../src/io/part-file.ts";
import { downloadObject } from "../../../src/ops/download.ts";
import { testContext } from "../../support/context.ts";
import { HttpServer, raw, serve } from "../../support/http-server.ts";
import { fieldValues } from "./answers.ts";
import { jsonDocuments } from "../json-documents.ts";
import { bytesOf, type FuzzTarget, textOf } from "../target.ts";

const bodyText = "the bytes of a tarball, ".repeat(40);
const body = bytesOf(bodyText);
const head = (status: string, fields: Readonly<Record<string, string | number>>): string =>
  `HTTP/1.1 ${status}\r\n${Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`;
const parted = "\n%%\n";
const etag = '"v1"';

const answers: readonly string[] = [
  `${head("200 OK", { "Content-Length": body.length, ETag: etag })}${bodyText}`,
  `${head("200 OK", { "Content-Length": body.length, ETag: etag })}${bodyText.slice(0, 100)}`,
  `${head("206 Partial Content", { "Content-Range": `bytes 100-${body.length - 1}/${body.length}`, ETag: etag, "Content-Length": body.length - 100 })}${bodyText.slice(100)}`,
  head("302 Found", { Location: "/file" }),
  head("301 Moved", { Location: "//" }),
  head("416 No", { "Content-Range": `bytes */${body.length}` }),
  head("503 Busy", { "Retry-After": 0 }),
  `${head("200 OK", { "Transfer-Encoding": "chunked", "Last-Modified": "Wed, 21 Oct 2026 07:28:00 GMT" })}8\r\nthe byte\r\n0\r\n\r\n`,
  `${head("200 OK", { "Content-Encoding": "gzip", "Content-Length": 3 })}abc`,
  head("404 Gone", {}),
];

/** A cut answer and the rest of it, and sound ones: else there is nothing to go on. */
const resumed = [...answers.slice(0, 1), answers.slice(1, 3).join(parted)].map(bytesOf);

const field = fc
  .tuple(
    fc.constantFrom(
      "Content-Length",
      "Content-Range",
      "ETag",
      "Last-Modified",
      "Location",
      "Retry-After",
      "Transfer-Encoding",
      "Content-Encoding",
      "Connection",
    ),
    fc.oneof(
      fc.constantFrom(
        ...fieldValues,
        "/file",
        "/",
        "chunked",
        "gzip",
        "http://[",
        "ftp://127.0.0.1/",
        "close",
      ),
      fc.nat(2000).map(String),
      fc.string({ maxLength: 12 }),
    ),
  )
  .map(([name, value]) => `${name}: ${value}\r\n`);
const answer = fc.oneof(
  fc.constantFrom(...answers),
  fc
    .tuple(
      fc.constantFrom(
        "200 OK",
        "206 Part",
        "302 Found",
        "308 On",
        "416 No",
        "429 Slow",
        "500 No",
        "100 Go",
        "204 None",
        "999 ?",
      ),
      fc.array(field, { maxLength: 4 }),
      fc.nat(body.length),
    )
    .map(
      ([status, fields, size]) =>
        `HTTP/1.1 ${status}\r\n${fields.join("")}\r\n${bodyText.slice(0, size)}`,
    ),
);
const scripts = fc
  .array(answer, { minLength: 1, maxLength: 4 })
  .map((some) => bytesOf(some.join(parted)));

const sha256 = createHash("sha256").update(body).digest("hex");

/**
 * Whole answers over a real connection, to the real download: it ends with the right bytes or a documented code,
 * and whatever has been answered before, a server that is good again is enough.
 */
const httpAnswers: FuzzTarget = {
  name: "http-answers",
  codes: ["network", "timeout", "verification-failed"],
  testRuns: 40,
  maxBytes: 2 ** 16,
  start: async (scratch) => {
    const server = await HttpServer.start();
    // What a changed Location may name is not asked.
    const before = { ...process.env };
    const proxies = {
      http_proxy: "http://127.0.0.1:9",
      https_proxy: "http://127.0.0.1:9",
      no_proxy: "127.0.0.1",
    };
    Object.assign(process.env, proxies);
    const base = testContext({ variables: { PATH: "/usr/bin:/bin" } });
    const context = { ...base, environment: { ...base.environment, httpTimeoutMs: 2000 } };
    const url = `${server.url}/file`;
    if (!isSha256(sha256)) throw new Error("it is one");
    const wanted = { name: "it", key: "file", url, sha256, sizeBytes: body.length };
    const fetched = async (part: PartFile): Promise<BangerError | undefined> => {
      try {
        await downloadObject(context, wanted, part);
        assert.equal(part.digest(), sha256);
        return undefined;
      } catch (error) {
        if (error instanceof BangerError) return error;
        throw error;
      }
    };
    let count = 0;
    return {
      corpus: [...resumed, ...answers.map(bytesOf)],
      structured: scripts,
      words: [
        "\r\n",
        "HTTP/1.1 200 OK\r\n",
        "Content-Length: 5\r\n",
        "ETag: ",
        "\n%%\n",
        "Location: /file\r\n",
        "chunked",
      ],
      run: async (input): Promise<"accepted" | "refused"> => {
        const script = textOf(input)
          .split(parted)
          .map((text) => raw(text));
        server.on("/file", ...script);
        const file = join(scratch, `part-${(count += 1)}`);
        const first = PartFile.open(file);
        const failure = await fetched(first);
        first.close();
        // A second run, as a user would start it, and then a third that meets a good server.
        const again = PartFile.open(file);
        const second = failure && (await fetched(again));
        server.on("/file", serve(body));
        const last = second && (await fetched(again)) && (await fetched(again));
        again.remove();
        assert.equal(last, undefined, `a good server is not enough: ${last?.message}`);
        // A user who tries again has it by then, or a reason.
        if (second !== undefined) throw second;
        return "accepted";
      },
      stop: async () => {
        await server.stop();
        for (const name of Object.keys(proxies)) {
          if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
          else process.env[name] = before[name];
        }
      },
    };
  },
};

/** The kept part of a download: whatever stands in its two files, a good server is enough. */
const partOrigin: FuzzTarget = {
  name: "part-origin",
  codes: [],
  isTotal: true,
  testRuns: 40,
  maxBytes: 2 ** 14,
  start: async (scratch) => {
    const server = await HttpServer.start();
    const url = `${server.url}/file`;
    server.on("/file", serve(body, { etag }));
    const context = testContext({ variables: { PATH: "/usr/bin:/bin" } });
    if (!isSha256(sha256)) throw new Error("it is one");
    const wanted = { name: "it", key: "file", url, sha256, sizeBytes: body.length };
    const origin = JSON.stringify({ url: "URL", validator: etag });
    return {
      corpus: [bytesOf(origin)],
      structured: jsonDocuments([origin], 4000),
      words: ['"validator":', etag, "URL"],
      run: async (input): Promise<"accepted" | "refused"> => {
        const file = join(scratch, "part");
        writeFileSync(file, body.subarray(0, 100));
        // The port is another each time.
        const text = Buffer.from(input).toString("latin1").replace("URL", url);
        writeFileSync(`${file}.origin`, Buffer.from(text, "latin1"));
        const part = PartFile.open(file);
        await downloadObject(context, wanted, part);
        assert.equal(part.digest(), sha256);
        part.remove();
        rmSync(file, { force: true });
        return "accepted";
      },
      stop: () => server.stop(),
    };
  },
};

export const networkTargets: readonly FuzzTarget[] = [httpAnswers, partOrigin];
