/** Types are checked by `npm run types`; what must not compile is marked as expected to fail. */
import { expect, it } from "vitest";
import type * as kinds from "../kinds/index.ts";
import {
  type DatabaseSpec,
  type LoadBalancerSpec,
  type ServiceSpec,
  type VolumeSpec,
  type WorkflowSpec,
  database,
  expression,
  loadBalancer,
  secret,
  service,
  system,
  volume,
} from "./index.ts";
import { manifestOf } from "../kinds/declaration.ts";

type Given<B> = B extends (name: string, spec?: infer S) => unknown ? NonNullable<S> : never;

it("a step's type tells which fields it has", () => {
  const steps: NonNullable<WorkflowSpec["steps"]> = {
    ask: { type: "http", url: "https://example.test", retry: [{ errors: ["*"], attempts: 3 }] },
    // @ts-expect-error there is no such type of step
    unknown: { type: "htp", url: "https://example.test" },
    // @ts-expect-error http steps have a url
    incomplete: { type: "http" },
    // @ts-expect-error a step that fails on purpose is not tried again
    fails: { type: "fail", error: "No", retry: [] },
  };
  expect(Object.keys(steps)).toHaveLength(4);
});

it("builders take values, references and declarations, and refuse what does not fit", () => {
  const orders = database("orders");
  const uploads = volume("uploads", { size: "1Gi" });
  const stripe = secret("stripe", { stringData: { key: "x" }, generate: { salt: {} } });
  const api = service("api", {
    command: ["node", "api.ts"],
    replicas: expression<number>("param.n * 2"),
    env: {
      PORT: orders.port,
      KEY: stripe.data.key,
      SALT: stripe.data.salt, // oxlint-disable-next-line restrict-template-expressions -- a reference is made to stand in texts
      TEXT: `at ${orders.host}`,
    },
    volumes: [{ volume: uploads, path: "/uploads" }],
    dependsOn: [orders],
  });
  const front = loadBalancer("front", { routes: [{ service: api }] });
  expect(manifestOf(front)).toMatchObject({ spec: { routes: [{ service: "api" }] } });
  expect(manifestOf(api)).toMatchObject({
    spec: {
      replicas: "${param.n * 2}",
      env: {
        PORT: "${database.orders.status.port}",
        KEY: "${secret.stripe.data.key}",
        SALT: "${secret.stripe.data.salt}",
        TEXT: "at ${database.orders.status.host}",
      },
      dependsOn: ["database/orders"],
    },
  });

  // @ts-expect-error a text is no number of replicas
  service("x", { command: "x", replicas: "many" });
  // @ts-expect-error the reference gives a text
  service("x", { command: "x", replicas: orders.host });
  // @ts-expect-error there is no such field
  service("x", { command: "x", replcas: 1 });
  // @ts-expect-error there is no such key
  expect(stripe.data.nope).toBeUndefined();
});

it("parameters have the types they are declared with", () => {
  const declared = system(
    "s",
    {
      parameters: {
        n: { type: "integer" },
        debug: { default: false },
        stage: { enum: ["test", "live"] },
        name: {},
      },
    },
    (param) => {
      const typed: {
        readonly n: number;
        readonly debug: boolean;
        readonly stage: "test" | "live";
        readonly name: string;
      } = param;
      // @ts-expect-error there is no such parameter
      expect(param.other).toBeUndefined();
      return [volume(typed.name)];
    },
  );
  expect(declared.name).toBe("s");
});

it("generated types allow what the kinds' own builders allow", () => {
  const specs: readonly [
    Given<typeof kinds.service>?,
    Given<typeof kinds.database>?,
    Given<typeof kinds.volume>?,
    Given<typeof kinds.loadBalancer>?,
  ] = [];
  const generated: readonly [ServiceSpec?, DatabaseSpec?, VolumeSpec?, LoadBalancerSpec?] = [
    { command: "x" },
    {},
    {},
    {},
  ];
  expect([specs.length, generated.length]).toEqual([0, 4]);
});
