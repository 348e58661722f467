export { type Compose, type ComposeOptions, compose } from "./compose/compose.ts"
export type { ComposeEnv } from "./compose/compose-text.ts"
export {
  killContainer,
  removeContainer,
  stopContainer,
  waitContainer,
} from "./connect/docker/container-life.ts"
export type { OutputStream } from "./connect/docker/demultiplexer.ts"
export { engine } from "./connect/docker/engine.ts"
export type {
  EngineAnswer,
  EngineCall,
  EngineClient,
  EngineMethod,
  EngineStream,
} from "./connect/docker/engine-client.ts"
export type { EngineOptions } from "./connect/docker/engine-options.ts"
export { type EngineEvent, type EventsOptions, events } from "./connect/docker/events.ts"
export { type ExecOptions, type ExecResult, exec } from "./connect/docker/exec.ts"
export type { GivenLogin } from "./connect/docker/given-logins.ts"
export type { EngineFacts } from "./connect/docker/greeting.ts"
export { jsonLines } from "./connect/docker/json-lines.ts"
export type { LogEntry } from "./connect/docker/log-entry.ts"
export { logs } from "./connect/docker/logs.ts"
export type { LogsOptions } from "./connect/docker/logs-options.ts"
export type { RegistryLogin, RegistryLogins } from "./connect/docker/registry-logins.ts"
export type { EngineTls } from "./connect/docker/tls.ts"
export { container } from "./providers/docker/container.ts"
export { image } from "./providers/docker/image.ts"
export { network } from "./providers/docker/network.ts"
export { volume } from "./providers/docker/volume.ts"
