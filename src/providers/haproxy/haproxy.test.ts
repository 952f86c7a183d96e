/** Class `haproxy` of LoadBalancer behaves as every class does; against the installed HAProxy. */
import { trafficConformance } from "../../provider/traffic-conformance.ts";
import { haproxySubject } from "./fixtures/subject.ts";

trafficConformance("haproxy", haproxySubject);
