import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatDiagnostic } from "../../../diagnostics/diagnostic.ts";
import { loadConfiguration } from "./load.ts";

const examples = join(import.meta.dirname, "fixtures");

function said(text: string): readonly string[] {
  return loadConfiguration(text, "am.yml").diagnostics.map(formatDiagnostic);
}

function refused(text: string): readonly string[] {
  const { configuration, diagnostics } = loadConfiguration(text, "am.yml");
  expect(configuration).toBeUndefined();
  return diagnostics.filter(({ severity }) => severity === "error").map(formatDiagnostic);
}

const receivers = "receivers: [{ name: team }]";

describe("files in the field's form", () => {
  const files = readdirSync(examples).filter((name) => name.endsWith(".yml"));

  it.each(files.filter((name) => name.startsWith("good")))("%s loads", (name) => {
    const { configuration, diagnostics } = loadConfiguration(
      readFileSync(join(examples, name), "utf8"),
      name,
    );
    expect(diagnostics.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(configuration).toBeDefined();
  });

  it.each(files.filter((name) => name.startsWith("bad")))(
    "%s is refused, with a line and a column",
    (name) => {
      const { configuration, diagnostics } = loadConfiguration(
        readFileSync(join(examples, name), "utf8"),
        name,
      );
      expect(configuration).toBeUndefined();
      const [error] = diagnostics.filter(({ severity }) => severity === "error");
      expect(error?.source).toEqual({ file: name, line: expect.any(Number), column: expect.any(Number) });
    },
  );
});

describe("what is wrong is said with its place", () => {
  it.each([
    ["BAD", "MissingField: There is no route in it. (am.yml:1:1) Write a map with route and receivers."],
    ["", "MissingField: There is no route in it. (am.yml) Write a map with route and receivers."],
    ["route: [", "InvalidYaml"],
    ["receivers: []", "MissingField: route: route is missing. (am.yml:1:1)"],
    [
      `route: { recever: team }\n${receivers}`,
      "UnknownField: route.recever: There is no field 'recever' here. (am.yml:1:10) Did you mean 'receiver'?",
    ],
    [
      `route:\n  receiver: nobody\n${receivers}`,
      "UnknownReference: route.receiver: There is no receiver 'nobody'. (am.yml:2:3)",
    ],
    [`route: {}\n${receivers}`, "MissingField: route: The root route has no receiver. (am.yml:1:1)"],
    [
      `route: { receiver: team, match: { a: b } }\n${receivers}`,
      "InvalidRootRoute: route.match: The root route takes every alert",
    ],
    [`route: { receiver: team, continue: true }\n${receivers}`, "InvalidRootRoute: route.continue"],
    [
      `route: { receiver: team, group_by: [a, a] }\n${receivers}`,
      "InvalidValue: route.group_by: A label stands in it twice.",
    ],
    [`route: { receiver: team, group_by: [a, ...] }\n${receivers}`, "'...' stands for all labels"],
    [
      `route: { receiver: team, group_interval: 0s }\n${receivers}`,
      "InvalidValue: route.group_interval: It cannot be zero.",
    ],
    [`route: { receiver: team, group_wait: 5 }\n${receivers}`, "'5' is no duration"],
    [
      `route: { receiver: team, routes: [{ matchers: ['a=~"("'] }] }\n${receivers}`,
      "is no regular expression (RE2): ",
    ],
    [
      `route: { receiver: team, routes: [{ matchers: ["a"] }] }\n${receivers}`,
      "InvalidValue: route.routes[0].matchers[0]: 'a' should be a label's name",
    ],
    [
      `route: { receiver: team, routes: [{ mute_time_intervals: [x] }] }\n${receivers}`,
      "There is no time interval 'x'.",
    ],
    [
      `route: { receiver: team }\nreceivers: [{ name: team }, { name: team }]`,
      "DuplicateName: receivers[1].name",
    ],
    [
      `route: { receiver: team }\nroute: { receiver: team }\n${receivers}`,
      "DuplicateKey: 'route' stands here twice. (am.yml:2:1)",
    ],
    [
      `route: { receiver: team }\n${receivers}\ntime_intervals: [{ name: a, time_intervals: [{ weekdays: [funday] }] }]`,
      "'funday' is no weekday",
    ],
    [
      `route: { receiver: team }\n${receivers}\ntime_intervals: [{ name: a, time_intervals: [{ location: Mars/Base }] }]`,
      "'Mars/Base' is no time zone",
    ],
    [
      `route: { receiver: team }\n${receivers}\nglobal: { smtp_smarhost: a }`,
      "UnknownField: global.smtp_smarhost",
    ],
    [
      `route: { receiver: team }\nreceivers: [{ name: team, webhook_configs: [{}] }]`,
      "MissingField: receivers[0].webhook_configs[0]: One of url, url_file is missing.",
    ],
    [
      `route: { receiver: team }\nreceivers: [{ name: team, email_configs: [{ to: a }] }]`,
      "One of smarthost, global.smtp_smarthost is missing.",
    ],
    [
      `route: { receiver: team }\nreceivers: [{ name: team, command_configs: [{ command: [] }] }]`,
      "Name the program to run",
    ],
  ])("%s", (text, expected) => {
    expect(refused(text).join("\n")).toContain(expected);
  });

  it("all of it at once, not the first alone", () => {
    const text = `route: { receiver: nobody, routes: [{ receiver: none }] }\n${receivers}`;
    expect(refused(text)).toHaveLength(2);
  });

  it("and holds no secret", () => {
    const text = `
global: { slack_api_url: "hunter2", smtp_auth_password: hunter2, smtp_auth_password_file: x }
route: { receiver: team }
receivers: [{ name: team, webhook_configs: [{ url: "ftp://hunter2" }], pagerduty_configs: [{ routing_key: hunter2, url: hunter2 }] }]
`;
    const all = refused(text);
    expect(all.length).toBeGreaterThan(2);
    expect(all.join("\n")).not.toContain("hunter2");
  });
});

describe("what Tutti does not do is said as a warning", () => {
  it("receivers it does not deliver to", () => {
    const text = `route: { receiver: team }\nreceivers: [{ name: team, telegram_configs: [{ bot_token: x, chat_id: 1 }] }]`;
    expect(said(text)).toEqual([
      expect.stringContaining("UndeliverableReceiver: receivers[0].telegram_configs[0]: "),
    ]);
  });

  it("proxies, OAuth 2.0 and messages that change", () => {
    const text = `
route: { receiver: team }
receivers:
  - name: team
    webhook_configs: [{ url: "http://a/", http_config: { proxy_url: "http://p/", oauth2: { client_id: x } } }]
    slack_configs: [{ api_url: "https://slack.com/api/chat.postMessage", update_message: true }]
`;
    expect(said(text).map((line) => line.split(":")[0])).toEqual([
      "UnsupportedField",
      "UnsupportedField",
      "UnsupportedField",
    ]);
  });
});

describe("a configuration as it is shown", () => {
  const text = `
# password: hunter2
global:
  slack_api_url: https://hooks.slack.com/hunter2
  smtp_smarthost: localhost:25
  smtp_from: a@b
  smtp_auth_password: hunter2
  opsgenie_api_url: https://opsgenie.example.org
  http_config: { authorization: { credentials: hunter2 }, http_headers: { X: { secrets: [hunter2] } } }
route: { receiver: team, group_wait: 1m }
receivers:
  - name: team
    webhook_configs: [{ url: "http://u:hunter2@host:8080/hunter2?token=hunter2" }, { url: "http://plain:1/" }]
    slack_configs: [{ channel: "#a", app_token: hunter2 }]
    email_configs: [{ to: c, auth_secret: hunter2 }]
    pagerduty_configs: [{ routing_key: hunter2 }]
    command_configs: [{ command: [x], environment: { TOKEN: hunter2 } }]
    telegram_configs: [{ bot_token: hunter2, chat_id: 5 }]
`;

  it("holds no secret, no comment, and still says where webhooks go", () => {
    const { configuration } = loadConfiguration(text, "am.yml");
    expect(configuration?.shown).not.toContain("hunter2");
    expect(configuration?.shown).toContain("url: http://host:8080/<secret>");
    expect(configuration?.shown).toContain("url: http://plain:1/");
    expect(configuration?.shown).toContain("opsgenie_api_url: https://opsgenie.example.org");
    expect(configuration?.shown).toContain("group_wait: 1m");
  });

  it("as an object says no more", () => {
    const { configuration } = loadConfiguration(text.replace(/ {4}command_configs.*\n/, ""), "am.yml");
    const [team] = configuration?.receivers ?? [];
    const closed = team?.integrations.map((one) => ("options" in one ? { ...one, options: {} } : one));
    expect(JSON.stringify(closed)).not.toContain("hunter2");
  });
});

describe("anything at all", () => {
  it("is refused or taken, and quickly", () => {
    const yaml = fc.json({ maxDepth: 6 });
    const mixed = fc
      .array(
        fc.constantFrom(
          "route:",
          "receivers:",
          " ",
          "\n",
          "- ",
          "{",
          "}",
          "[",
          "]",
          "&a",
          "*a",
          "<<: ",
          "name",
          ": ",
          '"',
          "'",
          "|",
          "é",
          "\u0000",
          "...",
          "!!binary",
          "~",
        ),
        { maxLength: 40 },
      )
      .map((parts) => parts.join(""));
    fc.assert(
      fc.property(fc.oneof(yaml, mixed, fc.string({ maxLength: 200, unit: "binary" })), (text) => {
        const { configuration, diagnostics } = loadConfiguration(text, "am.yml");
        expect(configuration !== undefined || diagnostics.length > 0).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    [
      "aliases of aliases",
      `a: &a [x,x,x,x,x,x,x,x,x]\n${"bcdefghij"
        .split("")
        .map((name, at) => `${name}: &${name} [${`*${"abcdefghi"[at] ?? ""},`.repeat(9)}]`)
        .join("\n")}`,
    ],
    ["an alias of itself", "a: &a [*a]\nroute: *a"],
    ["brackets without end", "[".repeat(100_000)],
    ["dashes without end", "- ".repeat(100_000)],
    ["a megabyte", `route: { receiver: ${"x".repeat(2_000_000)} }`],
    ["fifty thousand keys", Array.from({ length: 50_000 }, (_, at) => `k${at}: 1`).join("\n")],
  ])("%s are refused", (_name, text) => {
    expect(refused(text).length).toBeGreaterThan(0);
  });
});
