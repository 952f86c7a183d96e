/** How certificates of database servers are checked: against what Node and the system trust. */
import { getCACertificates } from "node:tls";

export function tlsOptions(): { readonly ca: string[] } {
  return { ca: [...new Set([...getCACertificates("default"), ...getCACertificates("system")])] };
}
