export { type RuntimeOptions, runtime } from "./connect/haproxy/runtime.ts"
export type { RuntimeClient } from "./connect/haproxy/runtime-client.ts"
export type { RuntimeServer, RuntimeView, ServerCounters } from "./connect/haproxy/server-row.ts"
export { server } from "./providers/haproxy/server.ts"
