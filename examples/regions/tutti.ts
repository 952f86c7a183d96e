/** The same service in two Locations, Berlin first; how many shards each has is told by its network. */
import { each, expression, location, resource, service, system } from "tutti";

const berlin = location("berlin");
const paris = location("paris");

const network = resource("network", {
  class: "data",
  config: { region: expression("param.location"), shards: ["one", "two"] },
});

const web = service("web", {
  command: [
    "node",
    "-e",
    "require('http').createServer((q, r) => r.end(process.env.CITY)).listen(process.env.PORT)",
  ],
  ports: [{ name: "http" }],
  replicas: expression<number>("param.replicas"),
  env: { CITY: expression("param.location") },
});

export default system(
  "regions",
  {
    parameters: { replicas: { type: "integer", default: 1 }, location: {} },
    locations: [{ name: berlin }, { name: paris, values: { replicas: 2 } }],
    waves: [{ locations: [berlin], gate: { for: "1s" } }],
    outputs: {
      shards: expression("resource.network-berlin.status.output.shards"),
      greeting: "Berlin has ${size(resource.network-berlin.status.output.shards)} shards",
    },
  },
  [
    berlin,
    paris,
    network,
    web,
    each("shard", expression("resource.network.status.output.shards"), resource, ({ key }) => ({
      class: "data",
      config: { name: key },
    })),
  ],
);
