export { command, type ProxyClient, type ProxyOptions, runtime } from "./connect/proxy/runtime.ts"
