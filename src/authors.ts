export { type PlainDriverOptions, plainDriver } from "./connect/plain-driver.ts"
export { type ErrorCode, type ErrorParts, FettleError } from "./errors.ts"
export {
  type Address,
  type AnyProvider,
  type Change,
  type ChangeItem,
  type ChangeResult,
  type Connection,
  type ConnectionLimits,
  type Driver,
  type Intent,
  type Json,
  type Key,
  type Last,
  type OpenContext,
  type Provider,
  provider,
  type Read,
  type ReadItem,
  type Seen,
  type Settles,
  type Write,
} from "./provider.ts"
export type { Secret } from "./secrets/secret.ts"
export { secretText } from "./secrets/secret-text.ts"
