import type { Command } from "commander";
import type { Run } from "../app.ts";
import { escapeControls } from "../../core/escape.ts";

/** `doctor`. */
export function addDoctor(program: Command, run: Run): void {
  program
    .command("doctor")
    .summary("look for what could keep banger or microVMs from working")
    .description(
      "Look at the state folder, disk, catalog, proxy, certificates, KVM and programs; exit 7 when something is to be done.",
    )
    .action(
      run(async (app) => {
        const { diagnose } = await import("../../ops/doctor.ts");
        const diagnoses = await diagnose(app.context);
        const findings = diagnoses.filter((diagnosis) => !diagnosis.ok).length;
        const { paint } = app.output;
        const text = diagnoses
          .map((diagnosis) => {
            const mark = diagnosis.ok ? paint("green", "ok     ") : paint("yellow", "finding");
            const line = `${mark} ${diagnosis.check}: ${escapeControls(diagnosis.message)}`;
            return diagnosis.fix === undefined
              ? line
              : `${line}\n        fix: ${escapeControls(diagnosis.fix)}`;
          })
          .join("\n");
        const json = {
          findings,
          checks: diagnoses.map((diagnosis) => ({ ...diagnosis, fix: diagnosis.fix ?? null })),
        };
        return { json, text, exitCode: findings > 0 ? 7 : 0 };
      }),
    );
}
