/** Who is told of what, and that one who cannot be told keeps nobody else from it. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Bench, draft, key } from "./fixtures/bench.ts";

let bench: Bench;
beforeEach(() => {
  bench = new Bench();
});
afterEach(() => bench.stop());

describe("routing", () => {
  it("tells each Receiver what it asks for, with its secret opened for nobody else", async () => {
    const sealed = bench.keyring.seal("https://hooks.example.com/hunter2");
    await bench.create(
      {
        apiVersion: "v1",
        kind: "Secret",
        metadata: { name: "slack", namespace: "default" },
        data: { url: sealed },
      } as never,
      draft("Receiver", "team", {
        slack: { apiUrl: "${secret.slack.url}", channel: "#shop", titleLink: "{{ .ExternalURL }}" },
        matchers: ['severity="critical"'],
        groupWait: "5s",
      }),
    );
    await bench.settled();
    expect(bench.routing).toMatchObject({
      route: {
        receiver: "nobody",
        routes: [
          {
            receiver: "default/team",
            matchers: ['severity="critical"'],
            group_wait: "5s",
            repeat_interval: "4h",
            continue: true,
          },
        ],
      },
      receivers: [
        { name: "nobody" },
        {
          name: "default/team",
          slack_configs: [
            {
              api_url: "https://hooks.example.com/hunter2",
              channel: "#shop",
              title_link: "{{ .ExternalURL }}",
              send_resolved: true,
            },
          ],
        },
      ],
    });
    expect(JSON.stringify([...bench.store.list({ kind: "Receiver" }).items])).not.toContain("hunter2");
  });

  it("follows a Monitor's own tree, for its System only, and sends to nobody what it sends to a Receiver that is not there", async () => {
    await bench.deploy(
      "shop",
      draft("Receiver", "team", { webhook: { url: "http://127.0.0.1:1" } }),
      draft("Monitor", "monitor", {
        route: {
          receiver: "team",
          group_by: ["..."],
          routes: [{ receiver: "missing", matchers: ['a="b"'] }],
        },
        inhibitRules: [{ source_matchers: ['a="b"'], target_matchers: ['c="d"'] }],
      }),
    );
    await bench.settled();
    expect(bench.routing).toMatchObject({
      route: {
        routes: [
          {
            receiver: "default/team",
            matchers: ['tutti_namespace="default"', 'tutti_system="shop"'],
            routes: [{ receiver: "nobody", matchers: ['a="b"'] }],
          },
          { receiver: "default/team", matchers: ['severity!~"none|info"'] },
        ],
      },
      inhibit_rules: expect.arrayContaining([
        { source_matchers: ['a="b"'], target_matchers: ['c="d"'] },
      ]) as unknown,
    });
  });

  it("leaves out what cannot be told or followed, says so, and goes on with the others", async () => {
    await bench.create(
      draft("Receiver", "good", { webhook: { url: "http://127.0.0.1:1" } }),
      draft("Receiver", "nowhere", { webhook: { url: "nonsense" } }),
      draft("Receiver", "broken", { webhook: { url: "http://127.0.0.1:1" }, matchers: ["${1}severity"] }),
      draft("Monitor", "monitor", { inhibitRules: [{ source_matchers: ['a=~"("'], equal: ["b"] }] }),
    );
    await bench.settled();
    expect((bench.routing as { receivers: readonly { name: string }[] }).receivers).toMatchObject([
      { name: "nobody" },
      { name: "default/good" },
    ]);
    const verdict = (kind: string, name: string): unknown => bench.store.get(key(kind, name))?.status;
    expect(verdict("Receiver", "good")).toMatchObject({ conditions: [{ status: "True" }] });
    expect(verdict("Receiver", "nowhere")).toMatchObject({
      conditions: [
        {
          status: "False",
          message: expect.stringMatching(/^webhook.url: It should be an address/) as string,
        },
      ],
    });
    expect(verdict("Receiver", "broken")).toMatchObject({ conditions: [{ status: "False" }] });
    expect(verdict("Monitor", "monitor")).toMatchObject({
      conditions: [{ status: "False", message: expect.stringContaining("regular expression") as string }],
    });
  });
});
