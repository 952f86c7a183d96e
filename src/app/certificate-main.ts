/**
 * Makes a certificate and prints it as JSON, in a process of its own: `certificate-main.ts <host>...`. The library behind it takes
 * 20 MB, which a control plane would carry for ever after and needs once a year.
 */
import { selfSigned } from "../providers/local/balancer/certificate.ts";

process.stdout.write(JSON.stringify(await selfSigned(process.argv.slice(2))));
