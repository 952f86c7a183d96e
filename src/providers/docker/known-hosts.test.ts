/** Lines of known_hosts, as OpenSSH writes and reads them. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knownKeys } from "./known-hosts.ts";

const keys = (text: string, host: string, port = 22): readonly string[] =>
  knownKeys(text, host, port).map(({ key }) => key);

describe("the keys of a host", () => {
  it("stand with its name, with another port in brackets", () => {
    const text = "build.example.com ssh-ed25519 AAAA\n[build.example.com]:2222 ssh-ed25519 BBBB\n";
    expect(keys(text, "build.example.com")).toEqual(["AAAA"]);
    expect(keys(text, "build.example.com", 2222)).toEqual(["BBBB"]);
    expect(keys(text, "example.com")).toEqual([]);
  });

  it("stand with one of several names, patterns and exceptions among them", () => {
    const text = "# ours\n\n10.0.0.1,*.example.com,!old.example.com ssh-rsa AAAA comment\n";
    expect(keys(text, "10.0.0.1")).toEqual(["AAAA"]);
    expect(keys(text, "new.example.com")).toEqual(["AAAA"]);
    expect(keys(text, "old.example.com")).toEqual([]);
    expect(keys(text, "newXexample.com")).toEqual([]);
  });

  it("may be revoked; those of certificate authorities are passed over", () => {
    const text = "@revoked host ssh-rsa AAAA\n@cert-authority host ssh-rsa BBBB\n";
    expect(knownKeys(text, "host", 22)).toEqual([{ type: "ssh-rsa", key: "AAAA", isRevoked: true }]);
  });

  it("are found where ssh-keygen has hashed the names", () => {
    const folder = mkdtempSync(join(tmpdir(), "tutti-known-hosts-"));
    const file = join(folder, "known_hosts");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(folder, "key")]);
    const [type, key] = readFileSync(join(folder, "key.pub"), "utf8").split(" ");
    writeFileSync(file, `[build.example.com]:2222 ${type} ${key}\n`);
    execFileSync("ssh-keygen", ["-q", "-H", "-f", file], { stdio: "ignore" });
    const text = readFileSync(file, "utf8");
    rmSync(folder, { recursive: true });
    expect(text).toMatch(/^\|1\|/);
    expect(keys(text, "build.example.com", 2222)).toEqual([key]);
    expect(keys(text, "build.example.com")).toEqual([]);
  });
});
