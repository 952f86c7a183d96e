/** Networks that are bridges of this machine. */
export { BridgeNetworks } from "./network.ts";
