import { AUTHORITY_SECRET, CERTIFICATE } from "../../controller/certificates.ts";
import { formatDuration } from "../../model/duration.ts";
import type { Resource } from "../../model/resource.ts";
import type { CommandContext } from "../context.ts";
import { CommandFailure, EXIT } from "../exit.ts";
import { emit } from "../output.ts";
import { kindOf } from "../target.ts";
import type { Verb } from "../verb.ts";
import { harmless } from "../views/style.ts";
import { tableText } from "../views/table.ts";

interface ListOptions {
  readonly allNamespaces?: boolean;
}

interface Certificate {
  readonly secret: string;
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly issuer: string;
  readonly notAfter: string;
}

export const verb: Verb = {
  define(command, act) {
    command.addHelpText("after", EXAMPLES);
    command
      .command("authority")
      .summary("Print the certificate of the control plane's own authority")
      .description(
        "Prints the certificate of the control plane's own authority as PEM, for who is to trust it.",
      )
      .action(() => act(authority));
    command
      .command("list")
      .summary("List the certificates that are kept for listeners")
      .description("Lists the certificates that are kept for listeners, the one that ends first on top.")
      .option("-A, --all-namespaces", "of all namespaces")
      .action((options: ListOptions) => act((context) => list(context, options)));
  },
};

const EXAMPLES = `
Certificates that are named by tls.secret are their owners' and not in the list.

Examples:
  $ tutti certificate list
  $ tutti certificate authority > authority.pem && curl --cacert authority.pem https://localhost:8443/`;

async function authority(context: CommandContext): Promise<void> {
  const client = await context.client();
  const { namespace, name } = AUTHORITY_SECRET;
  const secret = await client.find(kindOf("secret"), name, { namespace, signal: context.signal });
  const certificate = secret?.metadata.annotations?.[CERTIFICATE.authority];
  if (certificate === undefined)
    throw new CommandFailure(
      EXIT.failed,
      "There is no authority yet.",
      "It is made with the first https listener whose tls.issuer is authority, which is the default.",
    );
  await emit(context, { certificate }, () => certificate);
}

async function list(context: CommandContext, { allNamespaces = false }: ListOptions): Promise<void> {
  const client = await context.client();
  const { items } = await client.list(kindOf("secret"), {
    ...(allNamespaces ? {} : { namespace: context.namespace }),
    signal: context.signal,
  });
  const certificates = items
    .flatMap(certificateIn)
    .sort((a, b) => a.notAfter.localeCompare(b.notAfter) || a.secret.localeCompare(b.secret));
  if (certificates.length === 0 && !context.isStructured)
    return context.say(
      `No certificate is kept${allNamespaces ? "" : ` in the namespace '${context.namespace}'`}.`,
    );
  const now = context.environment.clock.now();
  await emit(context, certificates, () => table(certificates, allNamespaces, now));
}

function certificateIn({ metadata }: Resource): readonly Certificate[] {
  const {
    [CERTIFICATE.issuer]: issuer,
    [CERTIFICATE.hosts]: hosts = "",
    [CERTIFICATE.notAfter]: notAfter = "",
  } = metadata.annotations ?? {};
  if (issuer === undefined) return [];
  const { name: secret, namespace = "default" } = metadata;
  return [{ secret, namespace, hosts: hosts.split(","), issuer, notAfter }];
}

function table(certificates: readonly Certificate[], namespaces: boolean, now: number): string {
  return tableText(
    [...(namespaces ? ["NAMESPACE"] : []), "SECRET", "ISSUER", "NOT AFTER", "LEFT", "HOSTS"],
    certificates.map(({ namespace, secret, issuer, notAfter, hosts }) =>
      [
        ...(namespaces ? [namespace] : []),
        secret,
        issuer,
        notAfter,
        formatDuration(Date.parse(notAfter) - now),
        hosts.join(" "),
      ].map(harmless),
    ),
  );
}
