import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { makeCertificates } from "./certificates.ts";

test("openssl accepts the good certificate for its names and none of the bad ones", () => {
  using certificates = makeCertificates();
  const verify = (file: string, ...more: readonly string[]): string => {
    const args = ["verify", "-CAfile", certificates.caFile, "-purpose", "sslserver", ...more, file];
    const { stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
    return stdout + stderr;
  };
  const { server, expired, wrongHost, selfSigned } = certificates;
  expect(verify(server.certFile, "-verify_ip", "127.0.0.1")).toContain(": OK");
  expect(verify(server.certFile, "-verify_hostname", "localhost")).toContain(": OK");
  expect(verify(server.certFile, "-verify_hostname", "kernels.invalid")).toContain(": OK");
  expect(verify(expired.certFile)).toContain("certificate has expired");
  expect(verify(wrongHost.certFile, "-verify_ip", "127.0.0.1")).toContain("IP address mismatch");
  expect(verify(selfSigned.certFile)).toContain("self-signed certificate");
  expect(new X509Certificate(server.cert).subjectAltName).toBe(
    "IP Address:127.0.0.1, DNS:localhost, DNS:kernels.invalid, DNS:www.kernel.org",
  );
});

test("certificates that are disposed leave no file", () => {
  const certificates = makeCertificates();
  expect(existsSync(certificates.caFile)).toBe(true);
  certificates.dispose();
  expect(existsSync(certificates.folder)).toBe(false);
});
