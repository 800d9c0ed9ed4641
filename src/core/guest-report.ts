/** What banger's guest tries out by itself; see guest/init.c. */
export type GuestProbe = "root" | "block" | "config" | "network" | "vsock" | "entropy";

/** What one probe came to, in the guest's own words. */
export interface GuestAnswer {
  readonly passed: boolean;
  readonly words: string;
}

/** What the guest said on the console. */
export interface GuestReport {
  /** Its init ran. */
  readonly started: boolean;
  /** It said everything that it had to say. */
  readonly done: boolean;
  readonly answers: ReadonlyMap<string, GuestAnswer>;
  /** From the start of the kernel to the start of init, on the guest's clock, in microseconds. */
  readonly startedUs: number | undefined;
  /** The guest's wall clock, in microseconds since 1970. */
  readonly realtimeUs: number | undefined;
  /** As `uname -r`. */
  readonly release: string | undefined;
  /** As `uname -m`. */
  readonly machine: string | undefined;
  readonly clocksource: string | undefined;
  readonly memoryKib: number | undefined;
}

const probeLine = /^banger-probe (\S{1,40}) (pass|fail)(?: ([ -~]{0,200}))?\r?$/gm;
const factLine = /^banger-fact (\S{1,40}) ([ -~]{0,200})\r?$/gm;

/**
 * Reads what the guest said out of all that stood on the console. A kernel that is no friend may write there
 * what it likes: only what the disk says as well proves anything.
 */
export function readGuestReport(console: string): GuestReport {
  const answers = new Map<string, GuestAnswer>();
  for (const [, name = "", verdict, words = ""] of console.matchAll(probeLine)) {
    if (!answers.has(name)) answers.set(name, { passed: verdict === "pass", words });
  }
  const facts = new Map<string, string>();
  for (const [, name = "", value = ""] of console.matchAll(factLine)) {
    if (!facts.has(name)) facts.set(name, value);
  }
  return {
    started: /^banger-guest 1\r?$/m.test(console),
    done: /^banger-done\r?$/m.test(console),
    answers,
    startedUs: numberOf(facts.get("started_us")),
    realtimeUs: numberOf(facts.get("realtime_us")),
    release: facts.get("release"),
    machine: facts.get("machine"),
    clocksource: facts.get("clocksource"),
    memoryKib: numberOf(facts.get("memory_kib")),
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : undefined;
}
