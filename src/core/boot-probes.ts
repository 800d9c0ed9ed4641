import type { MachineEnd } from "./boot-cause.ts";
import type { GuestProbe, GuestReport } from "./guest-report.ts";
import type { KernelFacts, KernelVerdicts } from "./kernel-facts.ts";
import type { Verdict } from "./requirements.ts";

/** What a boot tries out, in the order in which it is told. */
export type BootProbe = GuestProbe | "console" | "memory" | "clock" | "power-off";

/** `absent`: the kernel is not made for it. `not-testable`: this host cannot try it. Neither is a pass. */
export type ProbeStatus = "pass" | "fail" | "absent" | "not-testable";

export interface ProbeResult {
  readonly id: BootProbe;
  readonly status: ProbeStatus;
  readonly detail: string;
}

/** One run of a guest, as the host saw it. */
export interface GuestRun {
  readonly end: MachineEnd;
  readonly report: GuestReport;
  /** Whether anything stood on the console. */
  readonly spoke: boolean;
  /** Whether the disk holds the answer to this run's nonce. */
  readonly answered: boolean;
  readonly memoryMib: number;
  /** The host's clock when the guest had ended, in microseconds since 1970. */
  readonly hostTimeUs: number;
  /** What this host has no device for. */
  readonly notTestable: ReadonlySet<BootProbe>;
}

/** What must pass for a boot to count as proven; of the rest nothing may fail. */
const essential: ReadonlySet<BootProbe> = new Set([
  "console",
  "root",
  "block",
  "memory",
  "power-off",
]);

/** Whether a boot is proven. */
export function isProven(results: readonly ProbeResult[]): boolean {
  return results.every(
    ({ id, status }) => status === "pass" || (status !== "fail" && !essential.has(id)),
  );
}

/** Holds what guest and host saw against what the kernel is made for. */
export function judgeBoot(
  run: GuestRun,
  facts: Pick<KernelFacts, "config" | "hasModules">,
  verdicts: KernelVerdicts,
): ProbeResult[] {
  const need = (id: string): Verdict =>
    verdicts.needs.find((one) => one.id === id) ?? { verdict: "unknown" };
  const loopback: Verdict = verdicts.tags.find(({ tag }) => tag === "vsock-loopback") ?? {
    verdict: "unknown",
  };
  const results: ProbeResult[] = [
    consoleResult(run),
    answer(run, "root", undefined),
    blockResult(run),
    memoryResult(run),
    clockResult(run),
    answer(run, "network", need("network")),
    vsockResult(run, loopback),
    answer(run, "entropy", need("entropy")),
    configResult(run, facts.config?.from),
    powerOffResult(run),
  ];
  return results.map((result) =>
    run.notTestable.has(result.id) && result.status !== "pass"
      ? { ...result, status: "not-testable", detail: "this host has no device for it" }
      : result,
  );
}

function consoleResult({ spoke, report }: GuestRun): ProbeResult {
  const status = report.started ? "pass" : "fail";
  const detail = report.started ? "init speaks" : spoke ? "only the kernel speaks" : "silent";
  return { id: "console", status, detail };
}

/** As the guest answered; a driver that the kernel is built without, or as a module, is no fault of the boot. */
function answer({ report }: GuestRun, id: GuestProbe, verdict: Verdict | undefined): ProbeResult {
  const said = report.answers.get(id);
  if (said?.passed === true) return { id, status: "pass", detail: said.words };
  if (said !== undefined && verdict?.verdict === "no") {
    return { id, status: "absent", detail: `not in the kernel: ${verdict.missing.join(", ")}` };
  }
  return { id, status: "fail", detail: said?.words ?? "no answer" };
}

function blockResult(run: GuestRun): ProbeResult {
  const result = answer(run, "block", undefined);
  if (result.status !== "pass" || run.answered) return result;
  return {
    ...result,
    status: "fail",
    detail: "the guest says that it wrote, and the disk does not",
  };
}

function vsockResult(run: GuestRun, loopback: Verdict): ProbeResult {
  const result = answer(run, "vsock", undefined);
  if (result.status === "pass" || loopback.verdict !== "no") return result;
  const detail = "there is no vsock device here, and no loopback in the kernel";
  return { ...result, status: "not-testable", detail };
}

function memoryResult({ report, memoryMib }: GuestRun): ProbeResult {
  const { memoryKib } = report;
  if (memoryKib === undefined) return { id: "memory", status: "fail", detail: "no answer" };
  const good = memoryKib <= memoryMib * 1024 && memoryKib >= memoryMib * 512;
  const detail = `${Math.floor(memoryKib / 1024)} of ${memoryMib} MiB are free for programs`;
  return { id: "memory", status: good ? "pass" : "fail", detail };
}

const maxClockErrorS = 120;
const year2020Us = 1_577_836_800_000_000;

function clockResult({ report, hostTimeUs }: GuestRun): ProbeResult {
  const { realtimeUs, clocksource } = report;
  if (realtimeUs === undefined) return { id: "clock", status: "fail", detail: "no answer" };
  if (realtimeUs < year2020Us) {
    return { id: "clock", status: "absent", detail: "it starts in 1970: no driver for this clock" };
  }
  const errorS = Math.round(Math.abs(hostTimeUs - realtimeUs) / 1e6);
  const status = errorS <= maxClockErrorS ? "pass" : "fail";
  const detail =
    status === "pass" ? `right, by ${clocksource ?? "?"}` : `${errorS} s from the host's`;
  return { id: "clock", status, detail };
}

function configResult(run: GuestRun, from: "embedded" | "beside" | undefined): ProbeResult {
  const result = answer(run, "config", undefined);
  const isExpected = from === "embedded";
  return result.status === "fail" && !isExpected && run.report.answers.has("config")
    ? { ...result, status: "absent" }
    : result;
}

function powerOffResult({ end, report }: GuestRun): ProbeResult {
  const good = end.kind === "exit" && end.exitCode === 0 && report.done;
  const detail = good
    ? "clean"
    : end.kind === "timeout"
      ? `still running after ${end.seconds} s`
      : end.kind === "exit"
        ? `ended with ${end.exitCode}`
        : "stopped";
  return { id: "power-off", status: good ? "pass" : "fail", detail };
}
