/**
 * A shop in two data centres, each an LXD: a network, machines with a disk of their own each, a database, a balancer before the
 * machines, and a name for each city. Berlin first; Paris follows when all is well there.
 *
 *     CITIES=berlin ./tutti up examples/two-data-centres     one city; without CITIES, both
 */
import {
  database,
  dnsRecord,
  dnsZone,
  expression,
  loadBalancer,
  location,
  machine,
  network,
  system,
  volume,
} from "tutti";

type City = "berlin" | "paris";
const sites: Readonly<Record<City, number>> = { berlin: 1, paris: 2 };
const cities = (process.env["CITIES"] ?? "berlin paris").split(" ").map((name): City => {
  if (name in sites) return name as City;
  throw new Error(`There is no data centre in '${name}'.`);
});

const parameters = {
  berlin: { default: "unix:///var/lib/lxd/unix.socket", description: "The LXD of Berlin." },
  paris: { default: "unix:///var/lib/lxd-paris/unix.socket", description: "The LXD of Paris." },
  image: { default: "images:alpine/3.20", description: "What the machines boot." },
  range: { default: "10.121", description: "Begin of the addresses." },
  site: { type: "integer", description: "The number of the city." },
  location: { description: "The city." },
} as const;

export default system(
  "shop",
  {
    parameters,
    locations: cities.map((name) => ({ name, values: { site: sites[name] } })),
    waves: [{ locations: cities.slice(0, 1), gate: { for: "2s" } }],
    outputs: Object.fromEntries(
      cities.map((city) => [city, expression(`loadBalancer.front-${city}.status.url`)]),
    ),
  },
  (param) => {
    const places = cities.map((city) => location(city, { type: "lxd", lxd: { endpoint: param[city] } }));
    const lan = network("lan", { cidr: "${param.range}.${param.site}.0/24" });
    const orders = database("orders");
    const disks = [1, 2, 3].map((number) => volume(`disk-${number}`, { size: "32Mi" }));
    const machines = disks.map((disk, index) =>
      machine(`web-${index + 1}`, {
        image: param.image,
        cpu: "500m",
        memory: "64Mi",
        networks: [{ network: lan, address: `\${param.range}.\${param.site}.${index + 11}` }],
        volumes: [{ volume: disk, path: "/srv/data" }],
        files: [
          { path: "/srv/www/index.html", content: `web-${index + 1} in \${param.location}\n` },
          { path: "/etc/shop/database", content: orders.url, mode: "0600" },
        ],
        command: "busybox httpd -p 8080 -h /srv/www",
      }),
    );
    const front = loadBalancer("front", { routes: [{ machines, machinePort: 8080 }] });
    // Once for both cities, each of which has a name in it.
    const zone = dnsZone("names", { location: "local", domain: "shop.test" });
    const name = dnsRecord("web", {
      zone,
      name: expression("param.location"),
      values: machines.map(({ address }) => address),
    });
    return [places, lan, orders, disks, machines, front, zone, name];
  },
);
