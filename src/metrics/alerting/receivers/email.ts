/**
 * Mail through a smarthost. STARTTLS is demanded unless the configuration says otherwise, and then not tried at all, as in
 * Alertmanager; credentials are used where the server offers to take them.
 */
import type { EmailIntegration } from "../configuration/configuration.ts";
import { DeliveryError, type DeliveryFailure, type Notification } from "../integration.ts";
import { type DeliveryContext, groupHash } from "./delivery-context.ts";
import { causeOf, tlsOptions } from "./http.ts";

/** Milliseconds for the whole conversation. */
const TIMEOUT = 30_000;

export async function deliverByEmail(
  integration: EmailIntegration,
  notification: Notification,
  { clock, renderer }: DeliveryContext,
): Promise<void> {
  const { options } = integration;
  const render = renderer.of(notification);
  const defaults = {
    Subject: '{{ template "email.default.subject" . }}',
    To: options.to,
    From: integration.from,
  };
  const headers = new Map(
    Object.entries({ ...defaults, ...canonical(options.headers) }).map(([name, template]) => [
      name,
      render.text(template, `the header ${name}`).replaceAll(/\s+/g, " ").trim(),
    ]),
  );
  const take = (name: string): string => {
    const value = headers.get(name) ?? "";
    headers.delete(name);
    return value;
  };
  const message = {
    envelope: { from: render.text(integration.from), to: render.text(options.to) },
    subject: take("Subject"),
    to: take("To"),
    from: take("From"),
    headers: { ...Object.fromEntries(headers), ...threading(options, notification) },
    ...(options.text === "" ? {} : { text: render.text(options.text) }),
    ...(options.html === "" ? {} : { html: render.html(options.html) }),
  };
  const abort = new AbortController();
  const timer = clock.setTimeout(() => abort.abort(), TIMEOUT);
  try {
    // Loaded when the first mail is sent: most control planes send none.
    const { createTransport } = await import("nodemailer");
    const transport = createTransport(await transportOptions(integration));
    await transport.sendMail({ ...message, signal: abort.signal });
    transport.close();
  } catch (error) {
    throw failure(error);
  } finally {
    timer.cancel();
  }
}

/** Their names' case does not matter. */
function canonical(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase().replaceAll(/(?:^|-)[a-z]/g, (letter) => letter.toUpperCase()),
      value,
    ]),
  );
}

/** All mails of a group answer one that was never sent, so that mail programs show them together. */
function threading(
  { threading: wanted }: EmailIntegration["options"],
  { groupKey, now }: Notification,
): Record<string, string> {
  if (wanted?.enabled !== true) return {};
  const day = wanted.thread_by_date === "none" ? "" : new Date(now).toISOString().slice(0, 10);
  const root = `<alert-${groupHash(groupKey).slice(0, 16)}-${day}@tutti>`;
  return { References: root, "In-Reply-To": root };
}

async function transportOptions(integration: EmailIntegration) {
  const { host, port, hello, implicitTls, requiresTls } = integration;
  return {
    host,
    port,
    name: hello,
    secure: implicitTls,
    requireTLS: requiresTls && !implicitTls,
    ignoreTLS: !requiresTls,
    auth: await credentials(integration),
    tls: await tlsOptions(integration.tls),
    connectionTimeout: TIMEOUT,
    greetingTimeout: TIMEOUT,
    socketTimeout: TIMEOUT,
    disableFileAccess: true,
    disableUrlAccess: true,
  };
}

async function credentials({ username, password, cramSecret }: EmailIntegration) {
  if (username === undefined) return undefined;
  if (password !== undefined) return { user: username, pass: await password.reveal() };
  return cramSecret === undefined
    ? undefined
    : { user: username, pass: await cramSecret.reveal(), method: "CRAM-MD5" };
}

/** All but bad addresses and refused credentials may pass: mail servers have bad days. */
function failure(error: unknown): DeliveryError {
  if (error instanceof DeliveryError) return error;
  const code = causeOf(error);
  const { responseCode } = error as { readonly responseCode?: unknown };
  const answer = typeof responseCode === "number" ? ` with ${responseCode}` : "";
  // Not the server's words: some repeat what they were told, credentials too.
  const said = WORDS[code] ?? { text: "The mail could not be sent", isTemporary: true };
  const reason: DeliveryFailure = code === "ETIMEDOUT" ? "timeout" : answer === "" ? "other" : "serverError";
  return new DeliveryError(`${said.text}${answer} (${code}).`, { isTemporary: said.isTemporary, reason });
}

const WORDS: Readonly<Record<string, { readonly text: string; readonly isTemporary: boolean }>> = {
  EAUTH: { text: "The mail server refused the user or password", isTemporary: false },
  EENVELOPE: { text: "The mail server refused the sender or a recipient", isTemporary: true },
  ETLS: { text: "The mail server offers no TLS that can be trusted", isTemporary: true },
  ETIMEDOUT: { text: "The mail server did not answer in time", isTemporary: true },
};
