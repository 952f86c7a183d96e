/** Networks that are bridges of this machine. */
export { BridgeNetworks, type BridgeOptions } from "./network.ts";
