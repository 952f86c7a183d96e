import { loadBalancer, service, system } from "tutti";

const web = service("web", { command: "node hello.ts", ports: [{ name: "http" }] });

export default system("hello", [web, loadBalancer("front", { routes: [{ service: web }] })]);
