/** The registry of kinds: one line a kind. Everything that serves, checks or declares resources derives from it. */
export { change } from "./change.ts";
export { configMap } from "./config-map.ts";
export { database } from "./database.ts";
export { dnsRecord } from "./dns-record.ts";
export { dnsZone } from "./dns-zone.ts";
export { event } from "./event.ts";
export { instance } from "./instance.ts";
export { lease } from "./lease.ts";
export { loadBalancer } from "./load-balancer.ts";
export { location } from "./location.ts";
export { namespace } from "./namespace.ts";
export { network } from "./network.ts";
export { revision } from "./revision.ts";
export { secret } from "./secret.ts";
export { service } from "./service.ts";
export { system } from "./system.ts";
export { volume } from "./volume.ts";
