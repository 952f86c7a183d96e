import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { certificateFor } from "../../scrape/fixtures/certificate.ts";
import { integrationOf, notification } from "./fixtures/delivery.ts";
import { type SmtpOptions, SmtpServer } from "./fixtures/smtp-server.ts";

const started: SmtpServer[] = [];
let tls: { readonly key: string; readonly cert: string };

beforeAll(async () => {
  tls = await certificateFor("127.0.0.1", new Date("2100-01-01T00:00:00Z"));
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((server) => server.stop()));
});

async function serving(options: SmtpOptions = {}): Promise<SmtpServer> {
  const server = await SmtpServer.start(options);
  started.push(server);
  return server;
}

async function emailTo(server: SmtpServer, fields = "", global = ""): ReturnType<typeof integrationOf> {
  return integrationOf(`email_configs:\n  - to: "one@example.org, Two <two@example.org>"\n    ${fields}`, {
    before: `global: { smtp_smarthost: "127.0.0.1:${server.port}", smtp_from: "Alerts <alerts@example.org>", ${global} }`,
  });
}

const trusting = "tls_config: { insecure_skip_verify: true }";

describe("a mail", () => {
  it("is encrypted, goes to all its recipients, and says what happened in HTML", async () => {
    const server = await serving({ tls });
    await (await emailTo(server, trusting, 'smtp_hello: "host.example.org"')).deliver(notification());
    const [mail] = server.mails;
    expect(mail).toMatchObject({
      from: "alerts@example.org",
      to: ["one@example.org", "two@example.org"],
      isEncrypted: true,
      hello: "host.example.org",
      user: undefined,
    });
    expect(mail?.data).toMatch(/^From: Alerts <alerts@example.org>\r$/m);
    expect(mail?.data).toMatch(/^To: one@example.org, Two <two@example.org>\r$/m);
    expect(mail?.data).toMatch(/^Subject: FIRING \(1\) Down \(web\)\r$/m);
    expect(mail?.data).toContain("text/html");
    const html = mail?.data.replaceAll("=\r\n", "") ?? "";
    expect(html).toContain("a is down &amp; out");
    expect(html).toContain("a&lt;1&gt;");
  });

  it("has the headers and texts that the configuration gives, and threads of its group", async () => {
    const server = await serving();
    const email = await emailTo(
      server,
      [
        "require_tls: false",
        'headers: { subject: "{{ .Status }}: {{ .GroupLabels.alertname }}", X-Team: "{{ .CommonLabels.job }}" }',
        'html: ""',
        'text: "{{ range .Alerts }}{{ .Annotations.summary }};{{ end }}"',
        "threading: { enabled: true, thread_by_date: daily }",
      ].join("\n    "),
    );
    await email.deliver(notification());
    const [mail] = server.mails;
    expect(mail?.isEncrypted).toBe(false);
    expect(mail?.data).toMatch(/^Subject: firing: Down\r$/m);
    expect(mail?.data).toMatch(/^X-Team: web\r$/m);
    expect(mail?.data).toMatch(/^In-Reply-To: <alert-[0-9a-f]{16}-2026-01-31@tutti>\r$/m);
    expect(mail?.data).toContain("text/plain");
    expect(mail?.data).not.toContain("text/html");
    expect(mail?.data).toContain("a is down & out;b is down;");
  });

  it("cannot be given more headers or recipients by an alert", async () => {
    const server = await serving();
    const email = await emailTo(
      server,
      'require_tls: false\n    headers: { Subject: "{{ .CommonLabels.job }}" }',
    );
    const { alerts } = notification();
    const [first] = alerts;
    if (first === undefined) throw new Error("no alert");
    const labels = first.labels.with({ job: "x\r\nBcc: evil@example.org" });
    await email.deliver(notification({ alerts: [{ ...first, labels }] }));
    expect(server.mails[0]?.to).toEqual(["one@example.org", "two@example.org"]);
    expect(server.mails[0]?.data.split("\r\n\r\n")[0]).not.toMatch(/^Bcc:/m);
  });
});

describe("credentials", () => {
  const user = { name: "alerts", password: "s3cret" };

  it.each([["PLAIN"], ["LOGIN"]])("are given by %s", async (mechanism) => {
    const server = await serving({ tls, user, mechanisms: [mechanism] });
    await (
      await emailTo(server, `${trusting}\n    auth_username: alerts\n    auth_password: s3cret`)
    ).deliver(notification());
    expect(server.mails).toMatchObject([{ user: "alerts" }]);
  });

  it("are proved by CRAM-MD5 where there is a secret", async () => {
    const server = await serving({ user, mechanisms: ["CRAM-MD5"] });
    const fields = "require_tls: false\n    auth_username: alerts\n    auth_secret: s3cret";
    await (await emailTo(server, fields)).deliver(notification());
    expect(server.mails).toMatchObject([{ user: "alerts" }]);
  });

  it("that are refused are not tried again, and no word of them is said", async () => {
    const server = await serving({ user });
    const fields = "require_tls: false\n    auth_username: alerts\n    auth_password: wr0ng";
    const error: unknown = await (
      await emailTo(server, fields)
    )
      .deliver(notification())
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      isTemporary: false,
      message: "The mail server refused the user or password with 535 (EAUTH).",
    });
  });
});

describe("a mail server", () => {
  it("that offers no TLS gets no mail unless the configuration allows it", async () => {
    const server = await serving();
    await expect((await emailTo(server)).deliver(notification())).rejects.toMatchObject({
      isTemporary: true,
    });
    expect(server.mails).toEqual([]);
  });

  it("whose certificate cannot be trusted gets no mail", async () => {
    const server = await serving({ tls });
    await expect((await emailTo(server)).deliver(notification())).rejects.toMatchObject({
      isTemporary: true,
    });
    expect(server.mails).toEqual([]);
  });

  it("that refuses recipients is asked again later", async () => {
    const server = await serving({ refuseRecipients: "450 greylisted" });
    await expect((await emailTo(server, "require_tls: false")).deliver(notification())).rejects.toMatchObject(
      {
        isTemporary: true,
        message: "The mail server refused the sender or a recipient with 450 (EENVELOPE).",
      },
    );
  });

  it("that is not there is tried again", async () => {
    const server = await serving();
    const email = await emailTo(server, "require_tls: false");
    await server.stop();
    started.length = 0;
    await expect(email.deliver(notification())).rejects.toMatchObject({ isTemporary: true });
  });
});
