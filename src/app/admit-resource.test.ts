/** What steps make is admitted as what the API is asked to make. */
import { expect, it } from "vitest";
import { kindNamed } from "../kinds/registry.ts";
import type { AnyKind } from "../kinds/kind.ts";
import type { Draft, Resource } from "../model/resource.ts";
import { conformanceContext } from "../provider/conformance.ts";
import { TerminalError } from "../provider/provider.ts";
import { systemClock } from "../clock/clock.ts";
import { createMemoryStore } from "../stores/memory.ts";
import { admitFor } from "./admit-resource.ts";

const { keyring } = conformanceContext;
const store = createMemoryStore({ clock: systemClock });
const admit = admitFor({
  store,
  keyring,
  checkPlacement: (_kind, { class: wanted }) => {
    if (wanted === "cloud") throw new TerminalError({ code: "UnknownClass", message: "There is no cloud." });
  },
});

function admitted(kind: string, body: object, current?: Resource): Promise<Draft> {
  const manifest = { kind, ...body, metadata: { name: "a", namespace: "default" } };
  return admit(kindNamed(kind) as AnyKind, manifest, { namespace: "default", current });
}

it("has defaults, and says all that is wrong", async () => {
  expect(await admitted("Backup", { spec: { database: "orders" } })).toMatchObject({
    spec: { verify: true, timeout: "6h" },
  });
  await expect(admitted("Backup", { spec: { verify: "perhaps" } })).rejects.toMatchObject({
    name: "Invalid",
    failure: { class: "Terminal" },
  });
  await expect(admitted("Database", { spec: { class: "cloud" } })).rejects.toThrow("There is no cloud.");
});

it("is merged into what is there, of which some fields may not change", async () => {
  const [current] = (
    await store.commit(
      [
        {
          type: "create",
          resource: await admitted("Backup", { spec: { database: "orders", timeout: "1h" } }),
        },
      ],
      { actor: "test", action: "test" },
    )
  ).resources;
  expect(await admitted("Backup", { spec: { verify: false } }, current)).toMatchObject({
    spec: { database: "orders", verify: false, timeout: "1h" },
  });
  await expect(admitted("Backup", { spec: { database: "other" } }, current)).rejects.toThrow(
    "cannot be changed",
  );
});

it("seals secrets, keeps those that are there, and takes nothing for sealed that comes from outside", async () => {
  const draft = await admitted("Secret", { stringData: { key: "hunter2" } });
  expect(JSON.stringify(draft)).not.toContain("hunter2");
  const [current] = (
    await store.commit([{ type: "create", resource: draft }], { actor: "test", action: "test" })
  ).resources;
  const more = await admitted("Secret", { stringData: { other: "swordfish" } }, current);
  expect(keyring.openAll((more as Draft & { data: object }).data)).toEqual({
    key: "hunter2",
    other: "swordfish",
  });
  await expect(admitted("Secret", { stringData: { key: keyring.seal("x") } })).rejects.toMatchObject({
    name: "SealedValue",
  });
});
