import { BangerError } from "../core/errors.ts";
import { errorDocument, type App, type Shown } from "./app.ts";

/** How one of several names is shown. */
export interface Part {
  readonly json: Readonly<Record<string, unknown>>;
  readonly text: string;
  /** Set when the work was done and the answer is bad, as for a damaged kernel. */
  readonly failure?: BangerError | undefined;
  /** 7 when the question that was asked is answered with no. */
  readonly exitCode?: 7 | undefined;
}

/**
 * Does the same for each of several names. The first failure decides the exit code; the others are
 * still done.
 *
 * @param key the name of the list in the document of `--json`.
 * @throws {BangerError} the failure, when there is only one name; the signal's reason.
 */
export async function forEachName(
  app: App,
  key: string,
  names: readonly string[],
  work: (name: string) => Promise<Part> | Part,
): Promise<Shown> {
  const parts: Record<string, unknown>[] = [];
  const texts: string[] = [];
  let first: BangerError | undefined;
  let answer = 0;
  for (const name of names) {
    try {
      const part = await work(name);
      parts.push({ ...part.json, error: part.failure ? errorDocument(part.failure) : null });
      texts.push(part.text);
      first ??= part.failure;
      answer = part.exitCode ?? answer;
      if (part.failure !== undefined) app.output.error(part.failure.message, part.failure.hint);
    } catch (error) {
      if (!(error instanceof BangerError) || app.context.signal.aborted) throw error;
      if (names.length === 1) throw error;
      app.output.error(error.message, error.hint);
      parts.push({ name, error: errorDocument(error) });
      first ??= error;
    }
  }
  const json = { [key]: parts, ...(first === undefined ? {} : { error: errorDocument(first) }) };
  const text = texts.filter((line) => line !== "").join("\n");
  return { json, text, exitCode: first?.exitCode ?? answer };
}
