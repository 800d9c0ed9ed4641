/** What `catalog update` refuses: each attack that The Update Framework names, from a server and from a folder. */
import { describe, expect, test } from "bun:test";
import { cpSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { documentOf } from "../support/answers.ts";
import { inDays, type SignedRepository, SigningKey } from "../support/signed-repository.ts";
import { catalogText, useUpdateWorlds } from "../support/update-world.ts";

const host = useUpdateWorlds();

describe("catalog update", () => {
  test.each<[string, (repository: SignedRepository) => void, RegExp]>([
    [
      "a targets role that one key of two has signed",
      (it) => {
        it.state.signers.targets = it.state.keys.targets.slice(0, 1);
        it.publish(catalogText(1001));
      },
      /signed by 1\/2 keys/,
    ],
    [
      "a targets role that foreign keys have signed",
      (it) => {
        it.state.signers.targets = [new SigningKey(), new SigningKey()];
        it.publish(catalogText(1001));
      },
      /signed by 0\/2 keys/,
    ],
    [
      "one key that signs twice under two names",
      (it) => {
        const [key] = it.state.keys.targets;
        if (key !== undefined) it.state.signers.targets = [key, key];
        it.publish(catalogText(1001));
      },
      /signed by 1\/2 keys/,
    ],
    [
      "a snapshot that the key of the timestamp has signed",
      (it) => {
        it.state.signers.snapshot = it.state.keys.timestamp;
        it.publish(catalogText(1001));
      },
      /signed by 0\/1 keys/,
    ],
    [
      "a new root that too few old keys have signed",
      (it) => {
        const before = it.state.keys.root.slice(0, 1);
        it.rotate("root");
        it.state.signers.root = [...before, ...it.state.keys.root];
        it.write();
      },
      /root was signed by 1\/2 keys/,
    ],
    [
      "a new root that too few of its own keys have signed",
      (it) => {
        const before = [...it.state.keys.root];
        it.rotate("root");
        it.state.signers.root = [...before, ...it.state.keys.root.slice(0, 1)];
        it.write();
      },
      /root was signed by 1\/2 keys/,
    ],
    [
      "an expired timestamp",
      (it) => {
        it.state.timestamp.expires = inDays(-1);
        it.publish(catalogText(1001));
      },
      /has expired: timestamp\.json was good until /,
    ],
    [
      "an expired snapshot",
      (it) => {
        it.state.snapshot.expires = inDays(-1);
        it.publish(catalogText(1001));
      },
      /has expired: snapshot\.json was good until /,
    ],
    [
      "expired targets",
      (it) => {
        it.state.targets.expires = inDays(-1);
        it.publish(catalogText(1001));
      },
      /has expired: targets\.json was good until /,
    ],
    [
      "an expired root",
      (it) => {
        it.state.root.version += 1;
        it.state.root.expires = inDays(-1);
        it.write();
      },
      /has expired: root\.json was good until /,
    ],
    [
      "a target that is not the one that was signed",
      (it) => {
        it.publish(catalogText(1001));
        const hash = new Bun.CryptoHasher("sha256").update(it.state.catalog).digest("hex");
        writeFileSync(join(it.folder, `targets/${hash}.catalog.json`), catalogText(1002));
      },
      /does not verify/,
    ],
    [
      "targets of another version than the snapshot names: mix and match",
      (it) => {
        it.publish(catalogText(1001));
        const mixed = join(it.folder, "metadata/2.targets.json");
        cpSync(join(it.folder, "metadata/1.targets.json"), mixed);
      },
      /does not verify/,
    ],
    [
      "metadata that is no JSON",
      (it) => {
        writeFileSync(join(it.folder, "metadata/timestamp.json"), "<html>");
      },
      /does not verify/,
    ],
    [
      "a timestamp without end",
      (it) => {
        truncateSync(join(it.folder, "metadata/timestamp.json"), 2 ** 32);
      },
      /more than/,
    ],
    [
      "a catalog without end",
      (it) => {
        it.publish(catalogText(1001));
        const hash = new Bun.CryptoHasher("sha256").update(it.state.catalog).digest("hex");
        truncateSync(join(it.folder, `targets/${hash}.catalog.json`), 2 ** 32);
      },
      /more than/,
    ],
    [
      "a root with so many keys that reading it takes long",
      (it) => {
        const text = `{"signatures":[],"signed":{"_type":"root","pad":"${"x".repeat(70_000)}"}}`;
        writeFileSync(join(it.folder, "metadata/2.root.json"), text);
      },
      /more than (?:the expected )?65536 bytes/,
    ],
    [
      "a newer root with bytes that are no text where nobody signs",
      (it) => {
        it.rotate("timestamp");
        const file = join(it.folder, "metadata/2.root.json");
        const noText = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x2c]);
        writeFileSync(file, Buffer.concat([noText, readFileSync(file).subarray(1)]));
      },
      /no text in UTF-8/,
    ],
    [
      "a catalog that is older than the embedded one",
      (it) => {
        it.publish(catalogText(1));
      },
      /older than the one within banger: its serial is 1,/,
    ],
  ])(
    "refuses %s, from a server and from a folder, and changes nothing",
    async (_what, spoil, words) => {
      documentOf(await host.world.update());
      const before = await host.world.status();
      const snapshot = host.world.sandbox.snapshot();
      spoil(host.world.repository);
      await host.world.expectRefused([], words);
      await host.world.expectRefused(["--from", host.world.repository.folder], words);
      expect(await host.world.status()).toEqual(before);
      expect(host.world.sandbox.snapshot()).toEqual(snapshot);
    },
  );

  test("refuses to go back: older metadata, after newer was seen", async () => {
    const old = join(host.world.sandbox.folder, "old");
    cpSync(host.world.repository.folder, old, { recursive: true });
    host.world.repository.publish(catalogText(1001));
    documentOf(await host.world.update());
    await host.world.expectRefused(["--from", old], /less than current version/);
    await host.world.expectRefused(
      ["--from", old, "--accept-expired"],
      /older than the one that is here/,
    );
    expect(await host.world.status()).toMatchObject({ serial: 1001 });
  });

  test("recovers from versions that a stolen key has driven up, once that key is replaced", async () => {
    host.world.repository.state.timestamp.version = 2 ** 31;
    host.world.repository.write();
    documentOf(await host.world.update());
    host.world.repository.state.timestamp.version = 5;
    host.world.repository.write();
    await host.world.expectRefused([], /less than current version/);
    host.world.repository.rotate("timestamp");
    host.world.repository.state.targets.version += 1;
    host.world.repository.state.snapshot.version += 1;
    host.world.repository.state.catalog = catalogText(1003);
    host.world.repository.write();
    expect(documentOf(await host.world.update())).toMatchObject({
      outcome: "updated",
      serial: 1003,
    });
  });
});
