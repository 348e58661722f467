import type { Connection } from "../provider.ts"

/** A fleet as it was declared: a group whose next part is the name of a host. */
export interface FleetDeclaration {
  readonly path: string
  /** Connections by the name of their host. */
  readonly members: ReadonlyMap<string, Connection>
  /** Most hosts under change at once. */
  readonly serial: number
  /** Most hosts that may fail. */
  readonly maxUnavailable: number
}
