import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  readdirSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { runChild } from "./child.ts";
import { LoopDevice, canUseLoopDevices, loopDeviceObstacle } from "./loop-device.ts";

function writeDurably(folder: string, name: string, text: string): void {
  for (const [path, flags] of [
    [join(folder, name), "wx"],
    [folder, "r"],
  ] as const) {
    const descriptor = openSync(path, flags);
    if (flags === "wx") {
      writeSync(descriptor, text);
    }
    fsyncSync(descriptor);
    closeSync(descriptor);
  }
}

test("a reason is given exactly when loop devices cannot be used", () => {
  expect(loopDeviceObstacle() === undefined).toBe(canUseLoopDevices());
});

describe.skipIf(!canUseLoopDevices())("a file system in a file", () => {
  for (const fileSystem of ["ext4", "xfs"] as const) {
    test(`${fileSystem} keeps what was synced over a power cut and loses what was not`, () => {
      using device = LoopDevice.create(fileSystem);
      writeDurably(device.folder, "synced", "stays");
      writeFileSync(join(device.folder, "unsynced"), "goes");
      device.shutdown();
      expect(() => writeFileSync(join(device.folder, "after"), "x")).toThrow("EIO");
      device.remount();
      expect(readFileSync(join(device.folder, "synced"), "utf8")).toBe("stays");
      expect(existsSync(join(device.folder, "unsynced"))).toBe(false);
      writeFileSync(join(device.folder, "again"), "works");
    });
  }

  test("a disposed one leaves no mount and no loop device", () => {
    const device = LoopDevice.create("ext4");
    device.dispose();
    device.dispose();
    expect(existsSync(device.folder)).toBe(false);
    expect(readFileSync("/proc/mounts", "utf8")).not.toContain(device.folder);
  });

  test("one whose owner was killed is cleaned up all the same", async () => {
    const script = `
      const { LoopDevice } = await import(${JSON.stringify(join(import.meta.dirname, "loop-device.ts"))});
      console.log(LoopDevice.create("ext4").folder);
      process.kill(process.pid, "SIGKILL");`;
    const { stdout } = await runChild({ file: process.execPath, args: ["-e", script] });
    const place = join(stdout.trim(), "..");
    for (let attempt = 0; existsSync(place) && attempt < 200; attempt += 1) {
      await new Promise((resolve) => {
        setTimeout(resolve, 20);
      });
    }
    expect(existsSync(place)).toBe(false);
    expect(spawnSync("losetup", ["-a"], { encoding: "utf8" }).stdout).not.toContain(place);
    expect(readdirSync("/tmp")).not.toContain(place.replace("/tmp/", ""));
  });
});
