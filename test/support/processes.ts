/** Waiting for processes of others. */
import { existsSync } from "node:fs";

const limitMs = 60_000;

/** The first answer that is not undefined, asked for every 50 ms. @throws when a minute brings none */
export async function until<Answer>(what: string, ask: () => Answer | undefined): Promise<Answer> {
  for (let waitedMs = 0; waitedMs < limitMs; waitedMs += 50) {
    const answer = ask();
    if (answer !== undefined) return answer;
    await Bun.sleep(50);
  }
  throw new Error(`in ${limitMs / 1000} s it did not come to this: ${what}`);
}

/** Waits until a process has ended. */
export async function gone(pid: number): Promise<void> {
  await until(`process ${pid} has ended`, () => (existsSync(`/proc/${pid}`) ? undefined : true));
}
