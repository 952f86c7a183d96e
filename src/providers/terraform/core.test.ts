/** What the provider is sent is what Terraform itself sends it, for the same configuration: told by the provider's decoder. */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { UNKNOWN, Unknown } from "../../terraform/value.ts";
import { NOTHING, plan } from "./calls.ts";
import { decodeConfig } from "./config.ts";
import { cases } from "./fixtures/cases.ts";
import { BUILD, goPeer } from "../../terraform/fixtures/go-peer.ts";
import { PeerHouse } from "./fixtures/peer-house.ts";
import { Packages } from "./packages.ts";
import { addressOfSource } from "./address.ts";
import { Plugin } from "./plugin.ts";
import type { Schema } from "../../terraform/schema.ts";

const house = new PeerHouse();
beforeAll(goPeer, BUILD);
afterAll(() => house.destroy());
const hasTerraform = spawnSync("terraform", ["version"]).status === 0;

/** As Terraform's configuration says it: what is known later is another resource's. */
function written(declared: unknown): unknown {
  if (declared === UNKNOWN) return "${terraform_data.later.id}";
  if (Array.isArray(declared)) return declared.map(written);
  if (typeof declared !== "object" || declared === null) return declared;
  return Object.fromEntries(
    Object.entries(declared).map(([name, member]) => [name, written(member as unknown)]),
  );
}

/** Of what is unknown only text can be written; what is left out of an object is null here, and refused there. */
const comparable = cases.filter(([name, attribute, declared]) => {
  if (name.startsWith("an object with")) return false;
  return !(declared instanceof Unknown) || (declared === UNKNOWN && attribute === "text");
});

interface Shown {
  readonly planned_values: {
    readonly root_module: {
      readonly resources: readonly { readonly name: string; readonly values: { readonly dump?: string } }[];
    };
  };
}

it.skipIf(!hasTerraform).each([5, 6] as const)(
  "protocol %i, every case (needs terraform on the PATH)",
  async (protocol) => {
    const binary = await house.add(`${protocol}.0.0`, { PEER_PROTOCOL: String(protocol) });
    const folder = join(house.folder, `root-${protocol}`);
    mkdirSync(folder);
    writeFileSync(
      join(folder, "cli.tfrc"),
      `provider_installation {\n  dev_overrides {\n    "tutti/peer" = "${dirname(binary)}"\n  }\n  direct {}\n}\n`,
    );
    const resources = Object.fromEntries(
      comparable.map(([, attribute, declared], index) => [
        `case_${index}`,
        { provider: "peer", ...(declared === undefined ? {} : { [attribute]: written(declared) }) },
      ]),
    );
    writeFileSync(
      join(folder, "main.tf.json"),
      JSON.stringify({
        terraform: { required_providers: { peer: { source: "tutti/peer" } } },
        resource: { terraform_data: { later: {} }, peer_everything: resources },
      }),
    );
    const terraform = (...args: readonly string[]): string => {
      const outcome = spawnSync("terraform", args, {
        cwd: folder,
        encoding: "utf8",
        env: {
          ...process.env,
          TF_CLI_CONFIG_FILE: join(folder, "cli.tfrc"),
          CHECKPOINT_DISABLE: "1",
          TF_IN_AUTOMATION: "1",
        },
      });
      expect(outcome, outcome.stderr).toMatchObject({ status: 0 });
      return outcome.stdout;
    };
    terraform("plan", "-out=plan", "-input=false", "-no-color");
    const shown = JSON.parse(terraform("show", "-json", "plan")) as Shown;
    const theirs = new Map(
      shown.planned_values.root_module.resources.map(({ name, values }) => [name, values.dump]),
    );

    const packages = new Packages({
      folder: join(house.folder, "unpacked"),
      env: { TF_CLI_CONFIG_FILE: join(house.folder, "cli.tfrc") },
    });
    const plugin = await Plugin.start(await packages.find(addressOfSource("tutti/peer"), `${protocol}.0.0`), {
      onLog: () => undefined,
      folder: house.folder,
      now: Date.now(),
    });
    const schema = plugin.schema("resource", "peer_everything") as Schema;
    const place = { root: ["spec", "config"], secrets: [] };
    const target = { plugin, type: "peer_everything", schema, place, signal: new AbortController().signal };
    for (const [index, [name, attribute, declared]] of comparable.entries()) {
      const { value } = decodeConfig({ [attribute]: declared }, schema.block, place);
      const planned = await plan(target, NOTHING, value);
      expect(planned.value?.["dump"], name).toBe(theirs.get(`case_${index}`));
    }
    await plugin.close();
  },
);
