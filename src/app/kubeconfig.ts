/**
 * A kubeconfig for this control plane: kubectl and every Kubernetes client library can use it. Holds the token.
 * `certificate`: PEM, what the client has to trust.
 */
export function kubeconfig(url: string, token: string, certificate: string): string {
  const authority = Buffer.from(certificate).toString("base64");
  return JSON.stringify(
    {
      apiVersion: "v1",
      kind: "Config",
      clusters: [{ name: "tutti", cluster: { server: url, "certificate-authority-data": authority } }],
      users: [{ name: "admin", user: { token } }],
      contexts: [{ name: "tutti", context: { cluster: "tutti", user: "admin", namespace: "default" } }],
      "current-context": "tutti",
    },
    null,
    2,
  );
}
