/** Which package of a provider is taken, and that it is the one that was meant. */
import { createHash } from "node:crypto";
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addressOfSource, compareVersions, constraint, versionOf } from "./address.ts";
import { PeerHouse } from "./fixtures/peer-house.ts";
import { zipOf } from "./fixtures/zip-file.ts";
import { BUILD } from "../../terraform/fixtures/go-peer.ts";
import { Packages } from "./packages.ts";

const house = new PeerHouse();
const env = { HOME: join(house.folder, "home"), TF_CLI_CONFIG_FILE: join(house.folder, "cli.tfrc") };
const packages = new Packages({ folder: join(house.folder, "unpacked"), env });
const peer = addressOfSource("tutti/peer");
const platform = `${process.platform}_${process.arch === "x64" ? "amd64" : process.arch}`;
beforeAll(async () => {
  for (const version of ["1.9.0", "1.10.0", "2.0.0", "2.1.0-beta.2"]) await house.add(version);
}, BUILD);
afterAll(() => house.destroy());

describe("of several versions", () => {
  it.each([
    [undefined, "2.0.0"],
    ["~> 1.0", "1.10.0"],
    ["~> 1.9.0", "1.9.0"],
    [">= 1.0, < 2.0, != 1.10.0", "1.9.0"],
    ["= 2.1.0-beta.2", "2.1.0-beta.2"],
    ["1.9", "1.9.0"],
  ])("'%s' takes %s", async (versions, taken) => {
    expect(await packages.find(peer, versions)).toMatchObject({
      source: "registry.terraform.io/tutti/peer",
      version: taken,
    });
  });

  it("none that will do is said, with those that there are", async () => {
    await expect(packages.find(peer, ">= 3")).rejects.toMatchObject({
      diagnostic: {
        code: "ProviderMissing",
        path: "spec.version",
        message: expect.stringContaining("1.10.0") as string,
      },
    });
    await expect(packages.find(addressOfSource("tutti/nothing"), undefined)).rejects.toMatchObject({
      diagnostic: { code: "ProviderMissing", path: "spec.source" },
    });
  });

  it.each(["1.0.x", "~>", ">= banana"])("'%s' is no constraint", (text) => {
    expect(() => constraint(text)).toThrow("is not a version constraint");
  });

  it("they are in their order", () => {
    const order = [
      "1.0.0-alpha",
      "1.0.0-alpha.1",
      "1.0.0-beta.2",
      "1.0.0-beta.11",
      "1.0.0",
      "1.0.1",
      "1.10.0",
    ];
    const sorted = order.toReversed().toSorted((one, other) => {
      const [a, b] = [versionOf(one), versionOf(other)];
      return a === undefined || b === undefined ? 0 : compareVersions(a, b);
    });
    expect(sorted).toEqual(order);
  });
});

it.each(["a/b/c/d", "", "../peer", "host/names pace/x"])("'%s' is no address", (source) => {
  expect(() => addressOfSource(source)).toThrow("is not the address of a provider");
});

describe("a package", () => {
  it("has the checksum that Terraform's lock file has of it", async () => {
    const { binary, checksums } = await packages.find(peer, "2.0.0");
    const name = binary.split("/").at(-1) ?? "";
    const inner = createHash("sha256").update(readFileSync(binary)).digest("hex");
    expect(checksums).toEqual([`h1:${createHash("sha256").update(`${inner}  ${name}\n`).digest("base64")}`]);
  });

  it("beside the declaration comes before the same one elsewhere, packed too; and is unpacked once", async () => {
    const project = join(house.folder, "project");
    const archive = join(
      project,
      "terraform.d/plugins/registry.terraform.io/tutti/peer",
      `terraform-provider-peer_3.0.0_${platform}.zip`,
    );
    mkdirSync(dirname(archive), { recursive: true });
    const bytes = zipOf({ "terraform-provider-peer_v3.0.0": "#!/bin/sh\nexit 0\n", LICENSE: "none" });
    writeFileSync(archive, bytes);
    const found = await packages.find(peer, undefined, project);
    expect(found).toMatchObject({ version: "3.0.0" });
    expect(readFileSync(found.binary, "utf8")).toBe("#!/bin/sh\nexit 0\n");
    expect(found.checksums).toEqual([
      expect.stringMatching(/^h1:/),
      `zh:${createHash("sha256").update(bytes).digest("hex")}`,
    ]);
    expect(await packages.find(peer, undefined, project)).toEqual(found);
    writeFileSync(archive, bytes.subarray(0, 100));
    await expect(packages.find(peer, undefined, project)).rejects.toMatchObject({
      diagnostic: { code: "PackageUnreadable" },
    });
  });

  it("with files that belong elsewhere is refused", async () => {
    const project = join(house.folder, "evil");
    const archive = join(
      project,
      "terraform.d/plugins/registry.terraform.io/tutti/peer",
      `terraform-provider-peer_9.0.0_${platform}.zip`,
    );
    mkdirSync(dirname(archive), { recursive: true });
    writeFileSync(archive, zipOf({ "../../escaped": "x" }));
    await expect(packages.find(peer, undefined, project)).rejects.toThrow("belongs elsewhere");
  });

  it("that is being developed is taken as it is", async () => {
    const file = join(house.folder, "dev.tfrc");
    const folder = dirname(await house.add("5.0.0"));
    writeFileSync(
      file,
      `provider_installation {\n  dev_overrides {\n    "tutti/peer" = "${folder}"\n  }\n}\n`,
    );
    const developing = new Packages({
      folder: join(house.folder, "unpacked"),
      env: { ...env, TF_CLI_CONFIG_FILE: file },
    });
    expect(await developing.find(peer, "1.0.0")).toMatchObject({ version: "0.0.0-dev", checksums: [] });
  });
});

describe("a Provider", () => {
  const spec = { source: "tutti/locked" };
  const address = "registry.terraform.io/tutti/locked";

  it("keeps to the version that was chosen, though there is a newer one", async () => {
    await house.add("1.0.0", {}, address);
    expect(await house.provider("locked", spec)).toMatchObject({
      outputs: { version: "1.0.0", protocol: 5 },
    });
    await house.add("1.1.0", {}, address);
    expect(await house.provider("locked", spec)).toMatchObject({ outputs: { version: "1.0.0" } });
    expect(await house.provider("locked", { ...spec, version: ">= 1.1" })).toMatchObject({
      outputs: { version: "1.1.0" },
    });
  });

  it("refuses a package that has changed, until it is declared that this one is meant", async () => {
    const path = await house.add("2.0.0", {}, address);
    await house.provider("changed", { ...spec, version: "2.0.0" });
    appendFileSync(path, "# changed\n");
    const refused = house.provider("changed", { ...spec, version: "2.0.0" });
    await expect(refused).rejects.toMatchObject({ diagnostic: { code: "ChecksumChanged" } });
    const said = await refused.catch((error: Error) => error.message);
    const checksums = /h1:\S+/.exec(String(said))?.[0].replace(/,$/, "");
    expect(
      await house.provider("changed", { ...spec, version: "2.0.0", checksums: [checksums] }),
    ).toMatchObject({ ready: true });
    await expect(
      house.provider("other", { ...spec, version: "2.0.0", checksums: ["h1:other"] }),
    ).rejects.toMatchObject({
      diagnostic: { code: "ChecksumChanged" },
    });
  });

  it("is refused with what its program says is wrong with its configuration", async () => {
    await expect(
      house.provider("misconfigured", { ...spec, version: "1.0.0", config: { prefix: "a/b" } }),
    ).rejects.toMatchObject({
      diagnostic: { code: "ProviderRefused", path: "spec.config.prefix", hint: "A prefix has no slash." },
    });
    await expect(
      house.provider("misspelt", { ...spec, version: "1.0.0", config: { prefx: "a" } }),
    ).rejects.toMatchObject({
      diagnostic: { code: "UnknownAttribute", path: "spec.config.prefx", hint: "Did you mean 'prefix'?" },
    });
  });
});
