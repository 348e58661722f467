import { FettleError } from "../../errors.ts"

/** The connection acts as somebody who may not do this. @param what "change packages" */
export function notRoot(what: string): FettleError {
  return new FettleError("HOST_NOT_ROOT", `only root can ${what} on the host`)
}
