import type { Driver } from "../../provider.ts"
import type { EngineClient } from "./engine-client.ts"

const clients = new WeakMap<Driver, EngineClient>()

/** Remembers which Engine stands behind a driver. */
export function rememberClient(driver: Driver, client: EngineClient): Driver {
  clients.set(driver, client)
  return driver
}

/** The Engine behind a driver, where it is one. */
export function engineOf(driver: Driver): EngineClient | undefined {
  return clients.get(driver)
}
